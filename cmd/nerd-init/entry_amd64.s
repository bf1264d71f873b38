#include "textflag.h"

// entry is where the kernel begins. Compiled functions expect a thread-local
// word, which the runtime would have set up; an empty one will do.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, BX
	ANDQ	$~15, SP
	SUBQ	$32, SP
	MOVQ	$158, AX	// arch_prctl
	MOVQ	$0x1002, DI	// ARCH_SET_FS
	LEAQ	·local+32(SB), SI
	SYSCALL
	MOVQ	BX, 0(SP)
	CALL	·start(SB)
	INT	$3
