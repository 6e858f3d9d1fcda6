// SPDX-License-Identifier: BSL-1.0
//
// A QEMU plugin that ends the emulator at an exact instruction, and counts instructions between
// marks. The declarations are those of QEMU's plugin interface, version 1, as far as it is used.
//
//   begin=ADDRESS,end=ADDRESS    functions between whose calls "inside" is
//   die=N                        before instruction number N
//   dieinside=N                  before instruction number N inside
//   mark=ADDRESS                 tells at each call of this function how many instructions there
//                                were, and how many inside
//   stack=ADDRESS,bottom=ADDRESS where the stack begins, and what it must not reach: tells how many
//                                bytes deep anything but what is inside wrote
//   out=FILE                     where it tells that
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_callback)(qemu_plugin_id_t, struct qemu_plugin_tb*);
typedef void (*executed_callback)(unsigned, void*);
typedef void (*memory_callback)(unsigned, uint32_t, uint64_t, void*);
typedef void (*exit_callback)(qemu_plugin_id_t, void*);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, executed_callback, int,
                                            void*);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn*, memory_callback, int, int, void*);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_callback, void*);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum role { plain, begin, end, mark };

static uint64_t place[4] = {~0u, ~0u, ~0u, ~0u};
static uint64_t executed, executed_inside, die_at = UINT64_MAX, die_inside_at = UINT64_MAX;
static uint64_t stack, bottom = UINT64_MAX, deepest = UINT64_MAX;
static int inside;
static FILE* out;

static void finish(void) {
    if (out != NULL) {
        if (deepest < stack) {
            fprintf(out, "stack %" PRIu64 "\n", stack - deepest);
        }
        fprintf(out, "end %" PRIu64 " %" PRIu64 " %d\n", executed, executed_inside, inside);
        fclose(out);
        out = NULL;
    }
}

static void on_executed(unsigned cpu, void* data) {
    // The others are parked, and take a few steps whenever they like.
    if (cpu != 0) {
        return;
    }
    switch ((enum role)(uintptr_t)data) {
    case begin:
        inside = 1;
        break;
    case end:
        inside = 0;
        break;
    case mark:
        if (out != NULL) {
            fprintf(out, "mark %" PRIu64 " %" PRIu64 "\n", executed, executed_inside);
        }
        break;
    case plain:
        break;
    }
    ++executed;
    executed_inside += (uint64_t)inside;
    if (executed > die_at || executed_inside > die_inside_at) {
        finish();
        _exit(137);
    }
}

static void on_written(unsigned cpu, uint32_t what, uint64_t at, void* data) {
    (void)what;
    (void)data;
    if (cpu == 0 && !inside && at >= bottom && at < stack && at < deepest) {
        deepest = at;
    }
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < count; ++i) {
        struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
        const uint64_t at = qemu_plugin_insn_vaddr(instruction);
        enum role role = plain;
        for (int each = begin; each <= mark; ++each) {
            role = at == place[each] ? (enum role)each : role;
        }
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_executed, 0, (void*)(uintptr_t)role);
        if (stack != 0) {
            qemu_plugin_register_vcpu_mem_cb(instruction, on_written, 0, 2 /* writes */, NULL);
        }
    }
}

static void at_end(qemu_plugin_id_t id, void* data) {
    (void)id;
    (void)data;
    finish();
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void* info, int count, char** arguments) {
    (void)info;
    static const char* const names[] = {
        "begin=", "end=", "mark=", "die=", "dieinside=", "stack=", "bottom="};
    uint64_t* const values[] = {&place[begin],  &place[end], &place[mark], &die_at,
                                &die_inside_at, &stack,      &bottom};
    for (int i = 0; i < count; ++i) {
        for (size_t name = 0; name < sizeof(names) / sizeof(names[0]); ++name) {
            const size_t length = strlen(names[name]);
            if (strncmp(arguments[i], names[name], length) == 0) {
                *values[name] = strtoull(arguments[i] + length, NULL, 0);
            }
        }
        if (strncmp(arguments[i], "out=", 4) == 0) {
            out = fopen(arguments[i] + 4, "w");
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_atexit_cb(id, at_end, NULL);
    return 0;
}
