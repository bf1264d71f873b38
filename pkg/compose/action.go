package compose

import (
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Kind is what an action does.
type Kind string

// The kinds of actions.
const (
	PullImage     Kind = "pull"
	BuildImage    Kind = "build"
	CreateNetwork Kind = "create network"
	RemoveNetwork Kind = "remove network"
	CreateVolume  Kind = "create volume"
	RemoveVolume  Kind = "remove volume"
	RemoveImage   Kind = "remove image"
	Create        Kind = "create"
	Run           Kind = "create and start"
	Recreate      Kind = "recreate"
	Start         Kind = "start"
	Restart       Kind = "restart"
	Stop          Kind = "stop"
	Remove        Kind = "remove" // stops it first
	Await         Kind = "wait for"
)

// Action is one step of a plan.
type Action struct {
	Kind   Kind
	Name   string // of the container, network, volume, image or service
	Reason string
	Needs  []int // the steps of the plan that have to be done before

	Service   *types.ServiceConfig // of a container; nil when the file does not know it
	Number    int                  // of a container to be made
	Container *Container           // that exists
	Condition string               // Await: a condition of depends_on
	// Optional: the failure of an Await or of a PullImage is a warning, as
	// `required: false` wants, or because the image can be built.
	Optional bool
	Network  *types.NetworkConfig
	NetKey   string // CreateNetwork: its key in the file
	Volume   *types.VolumeConfig
	VolKey   string
	Volumes  bool // Remove: anonymous volumes too
	// Fresh: Recreate makes anonymous volumes anew.
	Fresh   bool
	Timeout *int // seconds until a stop kills; nil: the container's own
}

// Plan is what a command is going to do, in an order that works.
type Plan struct {
	Actions  []Action
	Warnings []string
}

// String is the plan as `--dry-run` shows it: a line for each step.
func (p *Plan) String() string {
	var b strings.Builder
	for _, a := range p.Actions {
		fmt.Fprintf(&b, "%s %s", a.Kind, a.Name)
		if a.Condition != "" {
			fmt.Fprintf(&b, " to be %s", conditionWord(a.Condition))
		}
		if a.Reason != "" {
			fmt.Fprintf(&b, ": %s", a.Reason)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (p *Plan) add(a Action) int {
	p.Actions = append(p.Actions, a)
	return len(p.Actions) - 1
}

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

func conditionWord(condition string) string {
	switch condition {
	case types.ServiceConditionHealthy:
		return "healthy"
	case types.ServiceConditionCompletedSuccessfully:
		return "completed"
	}
	return "started"
}

// Seconds makes the time-out of actions of a duration.
func Seconds(d time.Duration) *int {
	s := int(d.Seconds())
	return &s
}
