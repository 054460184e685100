"""The functions of Edifice Corb; ``serverless.yml`` names each module's ``handler``."""
