"""What stands between a visitor and an account: sessions, the lock against guessing, the library's forms and mails."""
