package buildrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nerd-cli/nerd/pkg/bake"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Bake runs "nerd buildx bake".
func (Runner) Bake(ctx context.Context, o *clibuild.BakeOptions) error {
	if len(o.Targets) > 0 && isURL(o.Targets[0]) {
		return errs.WithHint(fmt.Errorf("the definition %s is on another machine: nothing is fetched for a bake", o.Targets[0]),
			"fetch it, for instance with git clone, and name the file with --file; a target's context can be a URL")
	}
	d, err := readDefinition(ctx, o)
	if err != nil {
		return explained(o, err)
	}
	if o.List != "" {
		return printList(o, d)
	}
	plan, err := d.Resolve(o.Targets, bakeSet(o))
	if err != nil {
		return err
	}
	addEpoch(plan)
	if o.Print {
		data, err := json.MarshalIndent(plan, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(o.Factory.IO.Out, string(data))
		return err
	}
	if err := grant(ctx, o, plan); err != nil {
		return err
	}
	builds, err := planBuilds(o, plan)
	if err != nil {
		return err
	}
	return runBuilds(ctx, o, builds)
}

// explained shows the place in the file that an error is about.
func explained(o *clibuild.BakeOptions, err error) error {
	var at *bake.SourceError
	if errors.As(err, &at) {
		fmt.Fprint(o.Factory.IO.Err, at.Excerpt())
	}
	return err
}

// bakeSet are the changes of the flags: the short forms, then --set, which counts
// before them.
func bakeSet(o *clibuild.BakeOptions) []string {
	var out []string
	if o.NoCacheGiven {
		out = append(out, fmt.Sprintf("*.no-cache=%t", o.NoCache))
	}
	if o.PullGiven {
		out = append(out, fmt.Sprintf("*.pull=%t", o.Pull))
	}
	for _, attest := range []struct{ kind, value string }{{"sbom", o.SBOM}, {"provenance", o.Provenance}} {
		if attest.value != "" {
			out = append(out, "*.attest="+bake.Attestation(attest.kind, attest.value).Flag())
		}
	}
	if o.Call != "build" {
		out = append(out, "*.call="+o.Call)
	}
	out = append(out, o.Set...)
	// Where results go is settled last: --load and --push add to what is there.
	if o.Push {
		out = append(out, "*.push=true")
	}
	if o.Load {
		out = append(out, "*.load=true")
	}
	return out
}

// epochVar is how a reproducible build is told the time.
const epochVar = "SOURCE_DATE_EPOCH"

// addEpoch gives the time to targets that say nothing of it.
func addEpoch(plan *bake.Plan) {
	value, ok := env(epochVar)
	if !ok || value == "" {
		return
	}
	for _, t := range plan.Targets {
		if _, ok := t.Args[epochVar]; !ok {
			if t.Args == nil {
				t.Args = map[string]*string{}
			}
			t.Args[epochVar] = &value
		}
	}
}

// grant asks for what the definition does beyond the ordinary and outside of the
// current folder, unless that was allowed.
func grant(ctx context.Context, o *clibuild.BakeOptions, plan *bake.Plan) error {
	allowed, err := bake.ParseAllow(o.Allow)
	if err != nil {
		return err
	}
	allowed.Grant(o.Set)
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	missing := allowed.Missing(plan, dir)
	if len(missing) == 0 {
		return nil
	}
	flags := "--allow=" + strings.Join(missing, " --allow=")
	if !o.Factory.IO.InIsTerminal() {
		return errs.WithHint(errors.New("additional privileges requested"), "the definition wants what was not allowed: give %s", flags)
	}
	fmt.Fprintf(o.Factory.IO.Err, "Your build is requesting privileges for:\n")
	for _, m := range missing {
		fmt.Fprintf(o.Factory.IO.Err, " - %s\n", m)
	}
	ok, err := o.Factory.IO.Confirm(ctx, "Give "+flags+" not to be asked. Do you want to grant them and continue?")
	if err == nil && !ok {
		err = errors.New("additional privileges requested")
	}
	return err
}

// isURL tells what would have to be fetched from what is a name.
func isURL(text string) bool {
	for _, p := range []string{"http://", "https://", "git://", "ssh://", "git@", "github.com/"} {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}
