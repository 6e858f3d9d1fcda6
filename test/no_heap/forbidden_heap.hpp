// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_NO_HEAP_FORBIDDEN_HEAP_HPP
#define VMEM_TEST_NO_HEAP_FORBIDDEN_HEAP_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include <unistd.h>

/// \file
/// For programs of one translation unit: replaces every way to get memory from the heap, and lets
/// it abort on demand. What the runtimes take before main is served from an array.

namespace {

enum class heap_use { permitted, counted, forbidden };
heap_use use = heap_use::permitted;
int uses = 0;

/// What is taken stays taken.
void* take(std::size_t size, std::size_t align, const char* by) {
    if (use == heap_use::forbidden) {
        constexpr std::array<char, 20> text{"heap used through: "};
        static_cast<void>(!::write(2, text.data(), text.size() - 1));
        static_cast<void>(!::write(2, by, std::strlen(by)));
        static_cast<void>(!::write(2, "\n", 1));
        std::abort();
    }
    uses += use == heap_use::counted ? 1 : 0;
    alignas(std::max_align_t) static std::array<std::byte, 1 << 20> arena;
    static std::size_t taken = 0;
    // In front of each block is its size, for realloc.
    align = std::max(align, alignof(std::max_align_t));
    const std::size_t begin = (taken + sizeof(size) + align - 1) / align * align;
    if (begin > arena.size() || size > arena.size() - begin) {
        std::abort();
    }
    std::memcpy(&arena[begin - sizeof(size)], &size, sizeof(size));
    taken = begin + size;
    return &arena[begin];
}

void give(void* block, const char* by) {
    if (block != nullptr && use != heap_use::permitted) {
        take(0, 1, by);
    }
}

} // namespace

// Those of the C library, which the replaced functions of C++ below do not call.
extern "C" {

void* malloc(std::size_t size) noexcept {
    return take(size, 1, "malloc");
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    // The array is zero, and no part of it is used twice.
    return take(count * size, 1, "calloc");
}
void* realloc(void* block, std::size_t size) noexcept {
    void* moved = take(size, 1, "realloc");
    if (block != nullptr) {
        std::size_t before = 0;
        std::memcpy(&before, static_cast<std::byte*>(block) - sizeof(before), sizeof(before));
        std::memcpy(moved, block, std::min(before, size));
    }
    return moved;
}
void free(void* block) noexcept {
    give(block, "free");
}
void* aligned_alloc(std::size_t align, std::size_t size) noexcept {
    return take(size, align, "aligned_alloc");
}
void* memalign(std::size_t align, std::size_t size) noexcept {
    return take(size, align, "memalign");
}
int posix_memalign(void** block, std::size_t align, std::size_t size) noexcept {
    *block = take(size, align, "posix_memalign");
    return 0;
}
}

void* operator new(std::size_t size) {
    return take(size, 1, "operator new");
}
void* operator new[](std::size_t size) {
    return take(size, 1, "operator new[]");
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return take(size, 1, "operator new");
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return take(size, 1, "operator new[]");
}
void* operator new(std::size_t size, std::align_val_t align) {
    return take(size, static_cast<std::size_t>(align), "operator new");
}
void* operator new[](std::size_t size, std::align_val_t align) {
    return take(size, static_cast<std::size_t>(align), "operator new[]");
}
void operator delete(void* block) noexcept {
    give(block, "operator delete");
}
void operator delete[](void* block) noexcept {
    give(block, "operator delete[]");
}
void operator delete(void* block, std::size_t) noexcept {
    give(block, "operator delete");
}
void operator delete[](void* block, std::size_t) noexcept {
    give(block, "operator delete[]");
}
void operator delete(void* block, std::align_val_t) noexcept {
    give(block, "operator delete");
}
void operator delete[](void* block, std::align_val_t) noexcept {
    give(block, "operator delete[]");
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    give(block, "operator delete");
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
    give(block, "operator delete[]");
}

namespace {

/// Whether each check so far held.
bool sound = true;
void check(bool held, const char* what) {
    if (!held && sound) {
        sound = false;
        static_cast<void>(!::write(2, what, std::strlen(what)));
        static_cast<void>(!::write(2, "\n", 1));
    }
}

} // namespace

#endif
