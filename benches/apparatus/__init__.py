"""What every question measures with: cores, processes, a raw client, signed requests, figures."""
