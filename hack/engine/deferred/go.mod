module github.com/nerd-cli/nerd/hack/engine/deferred

go 1.26.6
