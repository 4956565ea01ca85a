"""django-hordak as a reference: its environment, its books and its clients. Only `environment` runs in ours."""
