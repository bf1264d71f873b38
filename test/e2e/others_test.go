package e2e

import (
	"context"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/namespaces/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// words are names of things of others that use the machine: Docker, another run of
// the suite, somebody who works. What bears one of them is not this run's.
type words map[string]bool

var (
	interfaceWord    = regexp.MustCompile(`\b(veth[0-9a-f]+|br-[0-9a-f]{12})\b`)
	subnetWord       = regexp.MustCompile(`"subnet": *"([0-9a-f.:]+/\d+)"`)
	chainWord        = regexp.MustCompile(`\bCNI-[A-Z]+-[0-9a-f]{16,}\b`)
	installationWord = regexp.MustCompile(`(?i)\bnerd-[0-9a-f]{6}(\b|0\b)`)
)

// without drops the lines that bear a word, and the rules of the chains to which
// these lead.
func (m machine) without(w words) {
	w = maps.Clone(w)
	for line := range m {
		if w.in(line) {
			for _, chain := range chainWord.FindAllString(line, -1) {
				w[chain] = true
			}
		}
	}
	maps.DeleteFunc(m, func(line string, _ bool) bool { return w.in(line) })
}

func (w words) in(text string) bool {
	for word := range w {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// others looks for whom else there is.
func (e *environment) others(m machine) words {
	w := words{"DOCKER": true, "docker0": true}
	m.addError(e.otherContainers(w))
	run, data := root("NERD_RUN_ROOT", "/run/nerd"), root("NERD_DATA_ROOT", "/var/lib/nerd")
	e.otherFiles(w, filepath.Join(data, "networks", "*.conflist"))
	for _, pattern := range []string{"net/*.json", "ipam/*/*", "ports/*", "ports/*/*"} {
		e.otherFiles(w, filepath.Join(run, pattern))
	}
	otherBridges(w)
	if data == "/var/lib/nerd" {
		// Installations with folders of their own have a mark in all names.
		for line := range m {
			for _, word := range installationWord.FindAllString(line, -1) {
				w[word] = true
			}
		}
	}
	return w
}

// otherContainers adds the namespaces of others, and the ids of what is in them.
func (e *environment) otherContainers(w words) error {
	if _, err := os.Stat(containerdSocket()); err != nil {
		return nil // no engine was started yet
	}
	conn, err := grpc.NewClient("unix://"+containerdSocket(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, err := namespaces.NewNamespacesClient(conn).List(ctx, &namespaces.ListNamespacesRequest{})
	if err != nil {
		return err
	}
	for _, ns := range all.Namespaces {
		if strings.HasPrefix(ns.Name, "e2e-"+e.id) {
			continue
		}
		w["/"+ns.Name+"/"] = true
		ctx := metadata.AppendToOutgoingContext(ctx, "containerd-namespace", ns.Name)
		list, err := containers.NewContainersClient(conn).List(ctx, &containers.ListContainersRequest{})
		if err != nil {
			return err
		}
		for _, c := range list.Containers {
			w[c.ID] = true
		}
	}
	return nil
}

// otherFiles adds the files of nerd's that are of others' networks or containers, and
// the interfaces and subnets in them.
func (e *environment) otherFiles(w words, pattern string) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		data, err := os.ReadFile(path)
		text := string(data)
		network := strings.HasSuffix(path, ".conflist")
		switch {
		case err != nil || strings.Contains(path+text, "e2e-"+e.id):
			continue
		case network && filepath.Base(path) == "bridge.conflist": // everybody's
			continue
		case !network && !w.in(path+text):
			continue
		}
		w[path] = true
		if network {
			name := strings.TrimSuffix(filepath.Base(path), ".conflist")
			w["/"+name+"."], w["/nerd-"+name+"/"] = true, true
			for _, s := range subnetWord.FindAllStringSubmatch(text, -1) {
				w[s[1]] = true
			}
		}
		for _, s := range interfaceWord.FindAllString(text, -1) {
			w[s] = true
		}
	}
}

// otherBridges adds the bridges that are not nerd's, and what is on them.
func otherBridges(w words) {
	links, err := net.Interfaces()
	if err != nil {
		return
	}
	for _, link := range links {
		dir := "/sys/class/net/" + link.Name
		alias, _ := os.ReadFile(dir + "/ifalias") // none for one that has just gone
		if _, err := os.Stat(dir + "/bridge"); err != nil || strings.HasPrefix(string(alias), "nerd ") || strings.HasPrefix(link.Name, "nerd") {
			continue
		}
		w[link.Name] = true
		ports, err := fs.ReadDir(os.DirFS(dir), "brif")
		if err != nil {
			continue
		}
		for _, p := range ports {
			w[p.Name()] = true
		}
	}
}
