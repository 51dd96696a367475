// Logd is the log server: it takes events from loggers and stores them.
package main

import (
	"os"

	"chatlab/src/app"
)

func main() { os.Exit(app.Main("logd", run)) }
