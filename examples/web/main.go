// Command web greets whoever asks.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"
)

var version = "dev" // set by the build

func main() {
	listen := flag.String("listen", ":8080", "`address` to listen on")
	flag.Parse()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" {
			name = "world"
		}
		fmt.Fprintf(w, "Hello, %s, from version %s.\n", name, version)
	})
	server := &http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
