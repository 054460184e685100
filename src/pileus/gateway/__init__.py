"""The one HTTP port: a thin server, the AWS APIs behind it, and our own pages beside them."""
