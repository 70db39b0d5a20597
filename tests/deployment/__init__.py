"""What runs where no developer is: the web without torch, the images, their settings."""
