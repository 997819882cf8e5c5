"""Records as plotly figures: numbers come in, nothing is computed here but what a drawing needs."""
