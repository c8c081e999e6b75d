"""What a generated file does when it runs: data, training, saving, interruption, its own command."""
