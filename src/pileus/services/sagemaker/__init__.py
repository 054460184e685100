"""Models behind endpoints, as Amazon SageMaker hosts them."""
