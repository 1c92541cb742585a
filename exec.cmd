@rem For "npm start" on Windows, whose shell has no "exec": runs the program behind it, and passes its exit code on.
@%*
