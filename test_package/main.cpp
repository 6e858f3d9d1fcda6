// SPDX-License-Identifier: BSL-1.0
// A program that every way of installing vmem must be able to build and run: it stores and reads
// through virtual memory, and takes the paths of the errors that a first program meets.

#include <vmem/vmem.hpp>

#include <cstdio>

using memory = vmem::heap<vmem::ram_storage<4096>, vmem::paged<128, 4, vmem::sieve>,
                          vmem::nonresident_linked_list_allocator>;

namespace {

bool failed = false;

void expect(bool holds, const char* what) {
    if (!holds) {
        std::printf("not so: %s\n", what);
        failed = true;
    }
}

/// What fails, and why.
template <class Result>
void expect_error(const Result& outcome, vmem::errc code) {
    expect(!outcome.has_value(), "an error is returned");
    if (!outcome) {
        expect(outcome.error() == code, vmem::message(code));
    }
}

void check_errors(memory& heap) {
    expect_error(heap.allocate<int>(1), vmem::errc::not_open);
    expect_error(heap.open(), vmem::errc::not_formatted);
    expect(heap.format().has_value(), "an empty storage can be formatted");
    expect_error(heap.allocate<char>(1'000'000), vmem::errc::out_of_memory);
    expect_error(vmem::vptr<int, memory>{}.read(), vmem::errc::null_pointer);
}

int sum_of_squares(memory& heap) {
    // 1 KiB through 4 frames of 128 bytes.
    const auto numbers = heap.allocate<int>(256);
    if (!numbers) {
        return -1;
    }
    for (int i = 0; i < 256; ++i) {
        (*numbers)[i] = i * i;
    }
    int sum = 0;
    for (int i = 0; i < 256; ++i) {
        sum += (*numbers)[i];
    }
    return sum;
}

} // namespace

int main() {
    memory heap;
    check_errors(heap);
    const int sum = sum_of_squares(heap);
    expect(sum == 5'559'680, "virtual memory keeps what is stored in it");
    expect(heap.flush().has_value(), "what has changed can be saved");
    if (failed) {
        return 1;
    }
    std::printf("vmem %d.%d.%d: %d\n", vmem::version.major, vmem::version.minor,
                vmem::version.patch, sum);
    return 0;
}
