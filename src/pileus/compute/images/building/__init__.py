"""Images from Dockerfiles: layers made, steps run, what was made before taken again."""
