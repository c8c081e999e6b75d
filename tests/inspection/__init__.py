"""What gen says about a model: summary, diagram, explanation, reference, source map."""
