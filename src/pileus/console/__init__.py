"""The web page under ``/_pileus/``: a guest of public operations and of the observer feed."""
