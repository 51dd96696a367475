// Logger is the child of a server that makes its events durable and relays
// them to the log servers.
package main

import (
	"os"

	"chatlab/src/app"
)

func main() { os.Exit(app.Main("logger", run)) }
