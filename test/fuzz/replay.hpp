// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FUZZ_REPLAY_HPP
#define VMEM_TEST_FUZZ_REPLAY_HPP

#include "support/random_test.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

/// \file
/// Makes a program of a fuzz target, where no fuzzer is at hand:
///
///     fuzz_ram_allocators test/fuzz/corpus/ram_allocators
///
/// runs each file in the folders that it is given, then inputs that are random or are a file with
/// some bytes changed: always the same ones, unless the environment variables VMEM_SEED and
/// VMEM_OPERATIONS (the number of inputs) say otherwise. If an input makes it abort, that is left
/// in the file crash-input.
///
/// To be included by a fuzz target, of which it takes nothing but LLVMFuzzerTestOneInput. Its main
/// gives way to that of libFuzzer where the target is linked with that.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace vmem::test {

namespace detail {

using fuzz_input = std::vector<std::uint8_t>;

/// What runs now, for whoever asks after the crash.
inline std::span<const std::uint8_t> running_input;

extern "C" inline void keep_running_input(int) {
    if (std::FILE* const file = std::fopen("crash-input", "wb"); file != nullptr) {
        std::fwrite(running_input.data(), 1, running_input.size(), file);
        std::fclose(file);
    }
    std::fputs("the input is in crash-input\n", stderr);
}

inline void run_input(const fuzz_input& input) {
    running_input = input;
    LLVMFuzzerTestOneInput(input.data(), input.size());
}

[[nodiscard]] inline fuzz_input read_input(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// In the order of their names, which is the same everywhere.
[[nodiscard]] inline std::vector<std::filesystem::path> files_in(std::span<char*> paths) {
    std::vector<std::filesystem::path> files;
    for (const char* const path : paths) {
        if (std::filesystem::is_directory(path)) {
            for (const auto& entry : std::filesystem::directory_iterator(path)) {
                files.push_back(entry.path());
            }
        } else {
            files.emplace_back(path);
        }
    }
    std::ranges::sort(files);
    return files;
}

[[nodiscard]] inline fuzz_input random_input(std::mt19937_64& random,
                                             const std::vector<fuzz_input>& corpus) {
    constexpr std::size_t longest = 1024;
    const auto below = [&](std::size_t limit) {
        return static_cast<std::size_t>(random() % limit);
    };
    fuzz_input input;
    std::size_t changed = 0;
    if (!corpus.empty() && below(2) == 0) {
        input = corpus[below(corpus.size())];
        changed = 1 + below(8);
    }
    for (std::size_t more = changed != 0 ? below(64) : 1 + below(longest); more != 0; --more) {
        input.push_back(static_cast<std::uint8_t>(random()));
    }
    for (; changed != 0 && !input.empty(); --changed) {
        input[below(input.size())] = static_cast<std::uint8_t>(random());
    }
    return input;
}

inline int replay(std::span<char*> paths) {
    std::signal(SIGABRT, keep_running_input);
    std::vector<fuzz_input> corpus;
    for (const auto& file : files_in(paths)) {
        std::printf("%s\n", file.string().c_str());
        std::fflush(stdout);
        corpus.push_back(read_input(file));
        run_input(corpus.back());
    }
    if (!paths.empty() && corpus.empty()) {
        std::fputs("no file to replay\n", stderr);
        return 1;
    }
    const std::uint64_t seed = random_seed();
    const std::uint64_t inputs = random_operations(2000);
    std::printf("%llu random inputs, VMEM_SEED=%llu\n", static_cast<unsigned long long>(inputs),
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    std::mt19937_64 random(seed);
    for (std::uint64_t i = 0; i < inputs; ++i) {
        run_input(random_input(random, corpus));
    }
    return 0;
}

} // namespace detail

} // namespace vmem::test

[[gnu::weak]] int main(int argc, char** argv) {
    return vmem::test::detail::replay(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
}

#endif
