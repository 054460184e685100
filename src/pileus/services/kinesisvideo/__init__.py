"""Kinesis Video Streams: the sources of the media room as AWS's clients see them."""
