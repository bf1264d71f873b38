package main

import (
	"fmt"
	"os"
	"time"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/pelletier/go-toml/v2"
)

// settings are BuildKit's own, and nerd's in a table of their own.
type settings struct {
	config.Config
	nerd nerdSettings
}

type nerdSettings struct {
	// Idle is how many seconds without a call end the daemon; 0: none do.
	Idle int64 `toml:"idle"`
	// HostsDirs have a folder for each registry, with its hosts.toml.
	HostsDirs []string `toml:"hostsDirs"`
	// Insecure registries are asked over plain HTTP where TLS fails.
	Insecure []string `toml:"insecure"`
}

func (n nerdSettings) idle() time.Duration { return time.Duration(n.Idle) * time.Second }

func load(path string) (*settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var own struct {
		Nerd nerdSettings `toml:"nerd"`
	}
	if err := toml.Unmarshal(data, &own); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := config.LoadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(all.GRPC.Address) != 1 || all.Root == "" {
		return nil, fmt.Errorf("%s: one address and a root are needed", path)
	}
	return &settings{Config: all, nerd: own.Nerd}, nil
}
