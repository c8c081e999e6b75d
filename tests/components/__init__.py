"""Components: their rules, and the code that is generated for each, against central differences and Keras."""
