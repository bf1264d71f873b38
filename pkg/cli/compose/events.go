package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/event"
)

func newCmdEvents(g *Project) *cobra.Command {
	var asJSON bool
	var from, until string
	cmd := verb("events [OPTIONS] [SERVICE...]", "Print what happens to containers", anyArgs, func(ctx context.Context, args []string) error {
		var q event.Query
		var err error
		if q.Since, err = since(from, "since"); err != nil {
			return err
		}
		if q.Until, err = since(until, "until"); err != nil {
			return err
		}
		return runEvents(ctx, g, args, q, asJSON)
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print an object a line")
	cmd.Flags().StringVar(&from, "since", "", "From this time on, such as 2024-06-01T12:30:00Z or 10m (ago)")
	cmd.Flags().StringVar(&until, "until", "", "Up to this time, such as 2024-06-01T12:30:00Z or 10m (ago)")
	return cmd
}

func runEvents(ctx context.Context, g *Project, services []string, q event.Query, asJSON bool) error {
	name, p, err := g.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, services); err != nil {
		return err
	}
	s, err := g.open(ctx)
	if err != nil {
		return err
	}
	if q.Filter, err = event.NewFilter(map[string][]string{"type": {"container"}, "label": {compose.LabelProject + "=" + name}}); err != nil {
		return err
	}
	return s.client.Events.Read(ctx, q, func(m events.Message) error {
		service := m.Actor.Attributes[compose.LabelService]
		if len(services) > 0 && !slices.Contains(services, service) || strings.EqualFold(m.Actor.Attributes[compose.LabelOneOff], "true") {
			return nil
		}
		return g.printEvent(m, service, asJSON)
	})
}

func (g *Project) printEvent(m events.Message, service string, asJSON bool) error {
	attributes := map[string]string{}
	for k, v := range m.Actor.Attributes {
		if !strings.HasPrefix(k, "com.docker.compose.") && k != compose.LabelAttributes {
			attributes[k] = v
		}
	}
	at := time.Unix(0, m.TimeNano)
	if asJSON {
		return json.NewEncoder(g.IO.Out).Encode(map[string]any{
			"time": at, "type": "container", "service": service, "id": m.Actor.ID, "action": string(m.Action), "attributes": attributes,
		})
	}
	var words []string
	for k, v := range attributes {
		words = append(words, k+"="+v)
	}
	slices.Sort(words)
	_, err := fmt.Fprintf(g.IO.Out, "%s container %s %s (%s)\n", at.Format("2006-01-02 15:04:05.000000"), m.Action, m.Actor.ID, join(words))
	return err
}
