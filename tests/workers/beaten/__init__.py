"""A whole stack is beaten: parts are killed while runs train."""
