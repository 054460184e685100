"""One function per operation of S3, close relatives in one file."""
