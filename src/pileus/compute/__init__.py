"""Instance pools, placement, scaling and packages, for every room that runs user code."""
