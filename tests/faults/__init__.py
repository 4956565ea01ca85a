"""What happens when processes are killed, disks are shared and directories are closed."""
