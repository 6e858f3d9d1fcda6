// SPDX-License-Identifier: BSL-1.0
//
// Which policy, how many frames, and which page size? Replays which pages a program touched.

#include "trace/plot.hpp"
#include "trace/policies.hpp"
#include "trace/simulate.hpp"
#include "trace/trace.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr const char* usage =
    R"(usage: vmem-trace [OPTION...] FILE | --synthetic KIND[:PAGES]

Replays a trace of page numbers through eviction policies, and prints how many requests miss, and what
a device would take for them.

  FILE                     a page number per line, then perhaps r or w; with --binary records of 24 bytes:
                           u32 time, u64 page, u32 size, i64 next, little-endian
  --synthetic KIND:PAGES   zipf, loop, scan, mixed or sequential, over so many pages (1024)
  --requests N             of a synthetic trace (1000000)
  --seed N                 of a synthetic trace
  --policies A,B,...       of fifo lru clock clock_bits sieve random priority s3_fifo two_queue arc lirs
                           tiny_lfu (all)
  --frames N,N,...         powers of two up to 4096 (16,64,256)
  --page-size N,N,...      bytes (512); a page holds that many bytes of the trace's pages
  --unit N                 bytes of one of the trace's pages (the smallest page size)
  --svg FILE               writes a plot of the miss ratio against RAM
)";

struct options {
    std::string file;
    std::string synthetic;
    bool binary = false;
    bool help = false;
    std::size_t requests = 1'000'000;
    std::uint64_t seed = 5489;
    std::vector<std::string> policies;
    std::vector<std::size_t> frames{16, 64, 256};
    std::vector<std::size_t> page_sizes{512};
    std::size_t unit = 0;
    std::string svg;
};

[[nodiscard]] std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts(1);
    for (const char c : list) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// Ascending, each once.
[[nodiscard]] std::vector<std::size_t> numbers(const std::string& list, const std::string& what) {
    std::vector<std::size_t> found;
    for (const std::string& part : split(list)) {
        found.push_back(trace::number(part, what));
    }
    std::ranges::sort(found);
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

[[nodiscard]] options parse(std::span<char*> arguments) {
    options chosen;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string name = arguments[i];
        const auto value = [&]() -> std::string {
            if (++i == arguments.size()) {
                trace::refuse(name + ": what follows is missing");
            }
            return arguments[i];
        };
        if (name == "--help" || name == "-h") {
            chosen.help = true;
        } else if (name == "--synthetic") {
            chosen.synthetic = value();
        } else if (name == "--binary") {
            chosen.binary = true;
        } else if (name == "--requests") {
            chosen.requests = trace::number(value(), name);
        } else if (name == "--seed") {
            chosen.seed = trace::number(value(), name);
        } else if (name == "--policies") {
            chosen.policies = split(value());
        } else if (name == "--frames") {
            chosen.frames = numbers(value(), name);
        } else if (name == "--page-size") {
            chosen.page_sizes = numbers(value(), name);
        } else if (name == "--unit") {
            chosen.unit = trace::number(value(), name);
        } else if (name == "--svg") {
            chosen.svg = value();
        } else if (name.starts_with("--")) {
            trace::refuse(name + ": there is no such option; see --help");
        } else if (!chosen.file.empty()) {
            trace::refuse(name + ": one trace at a time");
        } else {
            chosen.file = name;
        }
    }
    return chosen;
}

void check(options& chosen) {
    if (chosen.file.empty() == chosen.synthetic.empty()) {
        trace::refuse("which trace? See --help");
    }
    for (const std::size_t frames : chosen.frames) {
        if (!std::has_single_bit(frames) || frames > trace::most_slots) {
            trace::refuse("--frames: " + std::to_string(frames) +
                          " is not a power of two up to 4096");
        }
    }
    chosen.unit = chosen.unit == 0 ? chosen.page_sizes.front() : chosen.unit;
    for (const std::size_t size : chosen.page_sizes) {
        if (size == 0 || size % chosen.unit != 0) {
            trace::refuse("--page-size: " + std::to_string(size) + " is not a multiple of the " +
                          std::to_string(chosen.unit) + " bytes of the trace's pages");
        }
    }
    if (chosen.requests == 0 || chosen.requests > 100'000'000) {
        trace::refuse("--requests: takes 1 to 100000000");
    }
    for (const std::string& name : chosen.policies) {
        if (std::ranges::none_of(trace::all_policies,
                                 [&](const auto& policy) { return policy.name == name; })) {
            trace::refuse("--policies: there is no policy '" + name + "'; see --help");
        }
    }
}

/// A policy, and what came of it, one for each number of frames.
struct row {
    std::string policy;
    std::vector<trace::outcome> outcomes;
};

[[nodiscard]] std::vector<row> run(const options& chosen, const trace::paged_trace& all) {
    std::vector<row> rows{{"optimum", {}}};
    for (const std::size_t frames : chosen.frames) {
        rows.front().outcomes.push_back(trace::simulate_optimum(all, frames));
    }
    for (const auto& policy : trace::all_policies) {
        const std::string name(policy.name);
        if (!chosen.policies.empty() &&
            std::ranges::find(chosen.policies, name) == chosen.policies.end()) {
            continue;
        }
        rows.push_back({name, {}});
        for (const std::size_t frames : chosen.frames) {
            rows.back().outcomes.push_back(trace::simulate(all, *policy(frames), frames));
        }
    }
    return rows;
}

template <class Cell>
void print(const options& chosen, const std::vector<row>& rows, const std::string& heading,
           Cell cell) {
    std::printf("\n%s\n%-12s", heading.c_str(), "frames");
    for (const std::size_t frames : chosen.frames) {
        std::printf(" %9zu", frames);
    }
    std::printf("\n");
    for (const row& r : rows) {
        std::printf("%-12s", r.policy.c_str());
        for (const trace::outcome& outcome : r.outcomes) {
            std::printf(" %9.*f", cell(outcome) < 100 ? 4 : 1, cell(outcome));
        }
        std::printf("\n");
    }
}

void replay(const options& chosen) {
    const trace::requests all =
        chosen.synthetic.empty() ? trace::read_file(chosen.file, chosen.binary)
                                 : trace::synthetic(chosen.synthetic, chosen.requests, chosen.seed);
    const std::string& what = chosen.synthetic.empty() ? chosen.file : chosen.synthetic;
    std::vector<trace::curve> curves;
    for (const std::size_t size : chosen.page_sizes) {
        const auto paged = trace::in_pages(all, size / chosen.unit);
        const auto rows = run(chosen, paged);
        const auto requests = static_cast<double>(all.size());
        std::printf("%s%s: %zu requests for %zu pages of %zu bytes\n",
                    size == chosen.page_sizes.front() ? "" : "\n", what.c_str(), all.size(),
                    paged.name.size(), size);
        print(chosen, rows, "misses per request", [&](const trace::outcome& outcome) {
            return static_cast<double>(outcome.misses) / requests;
        });
        for (const trace::device& device : trace::devices) {
            print(chosen, rows, "seconds on " + std::string(device.name),
                  [&](const trace::outcome& outcome) {
                      return device.seconds(outcome, static_cast<double>(size));
                  });
        }
        for (const row& r : rows) {
            const std::string suffix =
                chosen.page_sizes.size() == 1 ? "" : " " + std::to_string(size);
            curves.push_back({r.policy + suffix, {}});
            for (std::size_t i = 0; i < chosen.frames.size(); ++i) {
                curves.back().points.emplace_back(static_cast<double>(chosen.frames[i] * size),
                                                  static_cast<double>(r.outcomes[i].misses) /
                                                      requests);
            }
        }
    }
    if (!chosen.svg.empty()) {
        std::ofstream file(chosen.svg);
        trace::write_plot(file, what, curves);
        if (!file.flush()) {
            trace::refuse(chosen.svg + ": cannot be written");
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    options chosen = parse({argv, static_cast<std::size_t>(argc)});
    if (chosen.help) {
        std::printf("%s", usage);
        return 0;
    }
    check(chosen);
    replay(chosen);
    return 0;
}
