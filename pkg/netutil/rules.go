package netutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Who holds the rules of a network, as written in its conflist. The names are
// those of portmap's backends.
const (
	iptables = "iptables"
	nftables = "nftables"
)

// ruleSet is the firewall rules of nerd's bridges. They belong to the networks,
// not to the containers, so there is nothing to leak and nothing to pay when a
// container starts. The plugins that do it per container (ipMasq of bridge, and
// firewall) took 29 ms of the 40 ms of an ADD and 100 ms of a DEL where this was
// decided, and firewall lets no published port through a FORWARD policy of DROP.
//
// For every bridge, as Docker has it:
//   - what containers send out leaves with the address of the host;
//   - into the bridge come answers and published ports, nothing else: neither
//     from outside nor from other bridges, whatever the policy of FORWARD is;
//   - everything may leave the bridge;
//   - an internal network is left by nothing but what stays in its bridge;
//   - the resolver of a network can be asked, whatever else INPUT drops;
//   - 127.0.0.0/8 of the host cannot be reached from the bridge, though portmap
//     makes loopback routable for it (CVE-2020-8558).
//
// All rules of nerd are replaced at once, from all of its networks.
type ruleSet interface {
	present(ctx context.Context, n *Network) (bool, error)
	// install puts the rules of all networks in place of those that are there.
	// Named is one of them, or one that is no more.
	install(ctx context.Context, all []*Network, named *Network) error
}

// rules is the rule set kept by a backend.
func (s *Service) rules(backend string) ruleSet {
	prefix := "NERD"
	if scope := s.scope(); scope != "" {
		prefix += "-" + scope
	}
	if backend == nftables {
		return nftRules{table: strings.ToLower(strings.ReplaceAll(prefix, "-", "_"))}
	}
	return iptablesRules{prefix: prefix}
}

// firewall picks the backend of a new network: iptables where it is, because
// Docker, ufw and firewalld may drop in its chains what only an accept in the
// same chains can save; else nftables.
func (kernel) firewall(context.Context) (string, error) {
	if _, err := findTool("iptables"); err == nil {
		return iptables, nil
	}
	if _, err := findTool("nft"); err == nil {
		return nftables, nil
	}
	return "", errs.WithHint(fmt.Errorf("neither iptables nor nft is installed, one of them is needed for bridge networks: %w", errdefs.ErrFailedPrecondition),
		"install the package iptables, or use --network host or none")
}

// findTool looks for a program where administrators' tools are, whatever the
// PATH of the caller is.
func findTool(name string) (string, error) {
	for dir := range strings.SplitSeq(systemPath, ":") {
		if path, err := exec.LookPath(dir + "/" + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %w", name, errdefs.ErrNotFound)
}

// tool runs a program with stdin. Its error is what it said, on one line.
func tool(ctx context.Context, stdin, name string, args ...string) ([]byte, error) {
	path, err := findTool(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{"PATH=" + systemPath}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said := strings.Join(strings.Fields(stderr.String()), " ")
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
	}
	return out, nil
}

// notFound tells that a tool ran and answered no, from that it failed to run.
func notFound(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1
}
