/* SPDX-License-Identifier: BSL-1.0 */
    .section .init, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    csrr a0, mhartid
    bnez a0, park
    la sp, _estack
    la t0, trap
    csrw mtvec, t0
    la t0, _sbss
    la t1, _ebss
clear:
    bgeu t0, t1, cleared
    sw zero, 0(t0)
    addi t0, t0, 4
    j clear
cleared:
    call start
park:
    wfi
    j park
    .balign 4
trap:
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    call trapped
    j park

    .text
    .balign 16
    .globl semihosting_call
semihosting_call:
    .option push
    .option norvc
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    ret
