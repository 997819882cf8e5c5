"""VAE Explorer: see what a variational autoencoder does, and measure how good it is."""

__version__ = "0.1.0"
