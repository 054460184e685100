"""One function for each operation. https://docs.aws.amazon.com/AmazonECR/latest/APIReference/"""
