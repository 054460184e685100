"""Live media: sources, engines that look at them, pipelines that join both."""
