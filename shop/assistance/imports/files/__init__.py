"""Files to take away: the template of a sheet, and the verdicts on one."""
