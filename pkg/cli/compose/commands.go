package compose

import "github.com/spf13/cobra"

// commands are the verbs, in the order of the help.
func commands(g *Project) []*cobra.Command {
	return []*cobra.Command{
		newCmdAttach(g), newCmdBuild(g), newCmdCommit(g), newCmdConfig(g), newCmdCp(g), newCmdCreate(g), newCmdDown(g), newCmdEvents(g), newCmdExec(g), newCmdExport(g),
		newCmdImages(g), newCmdKill(g), newCmdLogs(g), newCmdLs(g), newCmdPause(g), newCmdPort(g), newCmdPs(g), newCmdPull(g), newCmdPush(g), newCmdRestart(g), newCmdRm(g),
		newCmdRun(g), newCmdScale(g), newCmdStart(g), newCmdStats(g), newCmdStop(g), newCmdTop(g), newCmdUnpause(g), newCmdUp(g), newCmdVersion(g),
		newCmdVolumes(g), newCmdWait(g), newCmdWatch(g),
	}
}
