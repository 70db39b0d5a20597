"""The playground: one or two models answer side by side, in conversations that stay."""
