#include "textflag.h"

// entry is where the kernel begins. Compiled functions expect the address of
// what they run on in g; none will do.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	RSP, R0
	SUB	$32, RSP
	MOVD	$0, g
	MOVD	R0, 8(RSP)
	BL	·start(SB)
	BRK
