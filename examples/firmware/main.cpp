// SPDX-License-Identifier: BSL-1.0
//
// A logger that keeps more than its RAM holds: samples of several sensors, in lists that lie in a
// battery-backed memory behind a window, with 2 KiB of page frames. It goes on where it was when
// power comes back.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/residency/paged.hpp>

#include "aging.hpp"
#include "backup_ram.hpp"
#include "board.hpp"

#include <cstdint>
#include <new>

namespace {

using memory = vmem::heap<backup_ram<board>,                       // where do the bytes live?
                          vmem::paged<128, 16, aging>,             // which of them are in RAM?
                          vmem::nonresident_linked_list_allocator, // who hands out addresses?
                          vmem::roots<1>>;
static_assert(vmem::storage<backup_ram<board>>);
static_assert(vmem::eviction_policy<aging<16>>);

struct sample {
    std::uint32_t time;
    std::int16_t value;
    vmem::vptr<sample, memory> before;
};
constexpr unsigned sensors = 4;
struct log_book {
    std::uint32_t samples = 0;
    vmem::vptr<sample, memory> newest[sensors] = {};
};

// One heap, placed by hand: it needs no destructor, for power is cut and never switched off.
alignas(memory) std::byte room[sizeof(memory)];

[[noreturn]] void stop(const char* what, vmem::errc why) {
    board::print(what);
    board::print(vmem::message(why));
    board::print("\n");
    board::exit(1);
}

vmem::vptr<log_book, memory> open_log(memory& heap) {
    if (heap.open()) {
        const auto found = heap.root<log_book>("log");
        if (found && *found != nullptr) {
            return *found;
        }
    }
    if (const auto formatted = heap.format(); !formatted) {
        stop("format: ", formatted.error());
    }
    const auto made = heap.make<log_book>();
    if (!made) {
        stop("log: ", made.error());
    }
    if (const auto named = heap.set_root("log", *made); !named) {
        stop("root: ", named.error());
    }
    return *made;
}

void record(memory& heap, vmem::vptr<log_book, memory> log, unsigned sensor, std::int16_t value) {
    const vmem::vptr<sample, memory> before = log->newest[sensor];
    const auto made = heap.make<sample>(sample{log->samples, value, before});
    if (!made) {
        stop("sample: ", made.error());
    }
    log->newest[sensor] = *made;
    log->samples += 1;
}

/// The mean of all samples of a sensor.
std::int32_t mean(vmem::vptr<log_book, memory> log, unsigned sensor) {
    std::int32_t sum = 0;
    std::int32_t count = 0;
    for (vmem::vptr<sample, memory> at = log->newest[sensor]; at != nullptr; at = at->before) {
        sum += at->value;
        ++count;
    }
    return count == 0 ? 0 : sum / count;
}

} // namespace

int main() {
    // Three times as after a power cut: the RAM is new, what was flushed is there.
    for (unsigned life = 1; life <= 3; ++life) {
        memory& heap = *new (room) memory;
        const auto log = open_log(heap);
        for (unsigned i = 0; i < 240; ++i) {
            record(heap, log, i % sensors, static_cast<std::int16_t>(100 * (i % sensors) + life));
        }
        if (const auto flushed = heap.flush(); !flushed) {
            stop("flush: ", flushed.error());
        }
        board::print("samples ");
        board::print(static_cast<std::uint32_t>(log->samples));
        board::print(", means");
        for (unsigned sensor = 0; sensor < sensors; ++sensor) {
            board::print(" ");
            board::print(static_cast<std::uint32_t>(mean(log, sensor)));
        }
        board::print("\n");
        heap.~memory();
    }
    board::exit(0);
}
