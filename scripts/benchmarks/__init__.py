"""What Ladda costs to run, measured beside what it cannot cost less than."""
