"""What runs on a cluster have printed."""
