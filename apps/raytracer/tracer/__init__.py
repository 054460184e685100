"""A small ray tracer: spheres, planes, triangles, soft shadows, mirrors, glass, textures.

A pixel depends on the scene and its place alone, not on what is rendered along with it. Therefore
nothing here but additions, multiplications, divisions, square roots, comparisons: IEEE 754
says what they yield to the last bit, wherever an element lies in an array. No sums over axes, no matrix
products, no sines or powers of arrays, whose last bits may depend on an array's length.
"""
