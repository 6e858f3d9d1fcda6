// SPDX-License-Identifier: BSL-1.0
// Everything that a program can do to virtual memory, at random, next to a plain array to which the
// same is done. The storage fails now and then; whatever was accepted must be there all the same.
//
// VMEM_SEED=<number> replays a failure, which prints its seed; VMEM_OPERATIONS=<number> sets the
// operations per configuration.
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/cstring.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/heap.hpp>
#include <vmem/pin.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/vptr.hpp>

#include "contract/flaky.hpp"
#include "contract/nonresident_allocator_contract.hpp"
#include "support/random_test.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using vmem::address;
using vmem::errc;
using vmem::failure;
using vmem::fault_info;
using vmem::result;
using vmem::storage_geometry;
using vmem::vptr;
using vmem::contract::failed_write;

// --- operators report errors only where there are exceptions ---

#if defined(__cpp_exceptions)
constexpr bool operators_can_fail = true;
struct thrown {
    errc code;
};
struct fault_handler {
    [[noreturn]] void operator()(fault_info fault) const { throw thrown{fault.code}; }
};
template <class Operation>
result<void> attempt(Operation operation) {
    try {
        operation();
    } catch (const thrown& fault) {
        return failure(fault.code);
    }
    return {};
}
#else
constexpr bool operators_can_fail = false;
using fault_handler = vmem::trap_on_fault;
template <class Operation>
result<void> attempt(Operation operation) {
    operation();
    return {};
}
#endif

// --- what elements are ---

struct triple {
    std::uint32_t a, b, c;
};
struct odd {
    std::array<std::uint8_t, 5> digits;
};
struct large {
    std::array<std::uint64_t, 5> words;
};

enum class kind : std::uint8_t { byte, half, word, wide, triple, odd, large };
constexpr std::array<std::size_t, 7> size_of{1, 2, 4, 8, 12, 5, 40};
constexpr std::array<std::size_t, 7> align_of{1, 2, 4, 8, 4, 1, 8};

/// Calls `use` with a null pointer to the type that is meant.
template <class Use>
auto with_type(kind which, Use use) {
    switch (which) {
    case kind::byte:
        return use(static_cast<std::uint8_t*>(nullptr));
    case kind::half:
        return use(static_cast<std::uint16_t*>(nullptr));
    case kind::word:
        return use(static_cast<std::uint32_t*>(nullptr));
    case kind::wide:
        return use(static_cast<std::uint64_t*>(nullptr));
    case kind::triple:
        return use(static_cast<triple*>(nullptr));
    case kind::odd:
        return use(static_cast<odd*>(nullptr));
    default:
        return use(static_cast<large*>(nullptr));
    }
}

// --- a heap, whatever its type ---

struct pinned_run {
    std::byte* data = nullptr;
    std::size_t size = 0;
};

/// One configuration, behind an interface, so that the operations are compiled once.
class subject {
public:
    static constexpr std::size_t pin_slots = 6;

    subject() = default;
    subject(const subject&) = delete;
    subject& operator=(const subject&) = delete;
    virtual ~subject() = default;

    virtual void construct() = 0;
    virtual void destroy() = 0;
    virtual result<void> format() = 0;
    virtual result<void> open() = 0;
    virtual result<void> flush() = 0;

    virtual result<void> read(address at, std::span<std::byte> out) = 0;
    virtual result<void> write(address at, std::span<const std::byte> in) = 0;
    virtual result<void> move(address to, address from, std::size_t count) = 0;

    virtual result<void> load(kind which, address at, std::byte* out) = 0;
    virtual result<void> store(kind which, address at, const std::byte* in) = 0;
    virtual result<void> add(kind which, address at, std::uint8_t count) = 0;
    virtual result<void> assign(kind which, address to, address from) = 0;
    virtual result<void> exchange(kind which, address a, address b) = 0;
    /// Through `->`: a member of `triple`, `odd` or `large`, by its number.
    virtual result<void> load_member(kind which, address at, std::size_t member,
                                     std::byte* out) = 0;
    virtual result<void> store_member(kind which, address at, std::size_t member,
                                      const std::byte* in) = 0;
    /// `p->member = q->member`, with both pinned; `q` points to const, so that a failure to put
    /// back a copy of `*p` finds no second one to put back.
    virtual result<void> copy_member(kind which, address to, address from, std::size_t member) = 0;

    virtual result<pinned_run> pin(std::size_t slot, address at, std::size_t count,
                                   bool writable) = 0;
    virtual void unpin(std::size_t slot) = 0;

    virtual result<address> allocate(std::size_t size, bool wide) = 0;
    virtual result<address> make(const large& value) = 0;
    virtual result<void> deallocate(address at) = 0;
    virtual result<vmem::nonresident_stats> allocation() = 0;
    virtual result<bool> invariants_hold() = 0;

    virtual vmem::page_state state_of(std::size_t page) = 0;

    virtual std::span<std::byte> medium() = 0;
    virtual void fail(std::uint64_t first, std::uint64_t count, failed_write how) = 0;
    virtual void heal() = 0;
    virtual std::uint64_t failed() = 0;
};

template <class Storage, class Residency, class Allocator, class... Policies>
class subject_of final : public subject {
    using memory = vmem::heap<vmem::storage_ref<Storage>, Residency, Allocator, Policies...,
                              vmem::on_fault<fault_handler>>;
    template <class T>
    using pointer = vptr<T, memory>;
    using bytes = vmem::pin<std::byte, memory>;
    using const_bytes = vmem::pin<const std::byte, memory>;

public:
    explicit subject_of(std::size_t size)
        : storage_(vmem::contract::detail::byte_medium(size)), size_(size) {}

    void construct() override { heap_.emplace(storage_); }
    void destroy() override { heap_.reset(); }
    result<void> format() override { return heap_->format(); }
    result<void> open() override { return heap_->open(); }
    result<void> flush() override { return heap_->flush(); }

    result<void> read(address at, std::span<std::byte> out) override {
        return heap_->read(narrowed(at), out);
    }
    result<void> write(address at, std::span<const std::byte> in) override {
        return heap_->write(narrowed(at), in);
    }
    result<void> move(address to, address from, std::size_t count) override {
        return attempt([&] {
            static_cast<void>(vmem::memmove(at_as<std::byte>(to), at_as<std::byte>(from), count));
        });
    }

    result<void> load(kind which, address at, std::byte* out) override {
        return with_type(which, [&]<class T>(T*) {
            return attempt([&] {
                const T value = *at_as<const T>(at);
                std::memcpy(out, &value, sizeof(T));
            });
        });
    }
    result<void> store(kind which, address at, const std::byte* in) override {
        return with_type(which, [&]<class T>(T*) {
            return attempt([&] {
                T value;
                std::memcpy(&value, in, sizeof(T));
                *at_as<T>(at) = value;
            });
        });
    }
    result<void> add(kind which, address at, std::uint8_t count) override {
        return with_type(which, [&]<class T>(T*) {
            return attempt([&] {
                if constexpr (std::is_integral_v<T>) {
                    *at_as<T>(at) += count;
                }
            });
        });
    }
    result<void> assign(kind which, address to, address from) override {
        return with_type(
            which, [&]<class T>(T*) { return attempt([&] { *at_as<T>(to) = *at_as<T>(from); }); });
    }
    result<void> exchange(kind which, address a, address b) override {
        return with_type(
            which, [&]<class T>(T*) { return attempt([&] { swap(*at_as<T>(a), *at_as<T>(b)); }); });
    }

    result<void> load_member(kind which, address at, std::size_t member, std::byte* out) override {
        return attempt([&] {
            if (which == kind::triple) {
                const auto p = at_as<const triple>(at);
                const auto value = member == 0 ? p->a : member == 1 ? p->b : p->c;
                std::memcpy(out, &value, sizeof(value));
            } else if (which == kind::odd) {
                *out = static_cast<std::byte>(at_as<const odd>(at)->digits[member]);
            } else {
                const auto value = at_as<const large>(at)->words[member];
                std::memcpy(out, &value, sizeof(value));
            }
        });
    }
    result<void> store_member(kind which, address at, std::size_t member,
                              const std::byte* in) override {
        return attempt([&] {
            if (which == kind::triple) {
                std::uint32_t value = 0;
                std::memcpy(&value, in, sizeof(value));
                const auto p = at_as<triple>(at);
                (member == 0 ? p->a : member == 1 ? p->b : p->c) = value;
            } else if (which == kind::odd) {
                at_as<odd>(at)->digits[member] = static_cast<std::uint8_t>(*in);
            } else {
                std::uint64_t value = 0;
                std::memcpy(&value, in, sizeof(value));
                at_as<large>(at)->words[member] = value;
            }
        });
    }
    result<void> copy_member(kind which, address to, address from, std::size_t member) override {
        return attempt([&] {
            if (which == kind::triple) {
                at_as<triple>(to)->b = at_as<const triple>(from)->b;
            } else if (which == kind::odd) {
                at_as<odd>(to)->digits[member] = at_as<const odd>(from)->digits[member];
            } else {
                at_as<large>(to)->words[member] = at_as<const large>(from)->words[member];
            }
        });
    }

    result<pinned_run> pin(std::size_t slot, address at, std::size_t count,
                           bool writable) override {
        pinned_run run;
        if (writable) {
            auto held = at_as<std::byte>(at).write(count);
            if (!held) {
                return failure(held.error());
            }
            run = {.data = held->data(), .size = held->size()};
            writing_[slot] = *std::move(held);
        } else {
            auto held = at_as<std::byte>(at).read(count);
            if (!held) {
                return failure(held.error());
            }
            run = {.data = const_cast<std::byte*>(held->data()), .size = held->size()};
            reading_[slot] = *std::move(held);
        }
        return run;
    }
    void unpin(std::size_t slot) override {
        writing_[slot].release();
        reading_[slot].release();
    }

    result<address> allocate(std::size_t size, bool wide) override {
        if (wide) {
            const auto made = heap_->template allocate<std::uint64_t>((size + 7) / 8);
            return made ? result<address>(made->to_address()) : failure(made.error());
        }
        const auto made = heap_->template allocate<std::byte>(size);
        return made ? result<address>(made->to_address()) : failure(made.error());
    }
    result<address> make(const large& value) override {
        const auto made = heap_->template make<large>(value);
        return made ? result<address>(made->to_address()) : failure(made.error());
    }
    result<void> deallocate(address at) override { return heap_->deallocate(at_as<std::byte>(at)); }
    result<vmem::nonresident_stats> allocation() override { return heap_->allocation(); }
    result<bool> invariants_hold() override { return heap_->invariants_hold(); }

    vmem::page_state state_of(std::size_t page) override {
        return heap_->residency().state_of(page);
    }

    std::span<std::byte> medium() override { return storage_.inner().bytes(0, size_); }
    void fail(std::uint64_t first, std::uint64_t count, failed_write how) override {
        storage_.fail(first, count, how);
    }
    void heal() override { storage_.fail(0); }
    std::uint64_t failed() override { return storage_.failed(); }

private:
    [[nodiscard]] static auto narrowed(address at) {
        return static_cast<typename memory::address_type>(at);
    }
    template <class T>
    [[nodiscard]] static pointer<T> at_as(address at) {
        return pointer<T>::from_address(at);
    }

    Storage storage_;
    address size_;
    std::optional<memory> heap_;
    std::array<bytes, pin_slots> writing_;
    std::array<const_bytes, pin_slots> reading_;
};

// --- the walk ---

struct configuration {
    const char* name;
    std::size_t page_size;
    std::size_t frames;
    std::size_t size;
    bool faults;
};

class random_walk {
public:
    random_walk(subject& memory, const configuration& config, std::uint64_t seed)
        : memory_(memory), config_(config), random_(seed), shadow_(config.size) {}

    /// The rule that was broken, or an empty string.
    std::string run(std::uint64_t operations) {
        memory_.construct();
        expect(memory_.format(), "format must succeed");
        arena_ = take(config_.size / 2, false);
        expect(arena_ != 0, "half of the memory must be granted");
        for (step_ = 0; step_ < operations && kept(); ++step_) {
            if (config_.faults && !failing_ && draw(256) == 0) {
                start_failing();
            }
            operate();
            if (failing_ && memory_.failed() != 0 && draw(4) == 0) {
                recover();
            } else if (step_ % 4096 == 0) {
                audit();
            }
        }
        finish();
        return broken_.empty() ? ""
                               : broken_ + " (operation " + std::to_string(step_) +
                                     ", last result: " + last_ + ")";
    }

    /// How often the storage failed, and was healed.
    [[nodiscard]] std::size_t faults() const { return faults_; }

private:
    struct held_pin {
        address at = 0;
        pinned_run run;
        bool writable = false;
    };
    struct range {
        address at;
        std::size_t size;
    };

    // --- one operation ---

    void operate() {
        const std::uint64_t choice = draw(256);
        // Without exceptions an operator that fails ends the program.
        const bool operators = !failing_ || operators_can_fail;
        if (choice < 70 && operators) {
            load();
        } else if (choice < 115 && operators) {
            store();
        } else if (choice < 140 && operators) {
            add();
        } else if (choice < 150 && operators) {
            assign();
        } else if (choice < 158 && operators) {
            exchange();
        } else if (choice < 188 && operators) {
            use_member();
        } else if (choice < 194 && operators) {
            move();
        } else if (choice < 212) {
            read();
        } else if (choice < 230) {
            write();
        } else if (choice < 240) {
            pin();
        } else if (choice < 246) {
            use_pins();
        } else if (choice < 252) {
            allocate_or_free();
        } else if (choice < 254) {
            misuse();
        } else if (draw(8) == 0) {
            flush();
        } else if (draw(64) == 0) {
            restart();
        }
    }

    void load() {
        const kind which = some_kind();
        const std::size_t size = size_of[index(which)];
        const address at = some_place(which);
        if (!room_for(1)) {
            return;
        }
        const auto done = memory_.load(which, at, scratch_.data());
        note(done);
        expect(may_fail(done), "a load must succeed");
        expect(!done || same(at, {scratch_.data(), size}), "a load must return what was stored");
    }

    void store() {
        const kind which = some_kind();
        const address at = some_place(which);
        if (room_for(1)) {
            const auto value = random_bytes(size_of[index(which)]);
            changed(at, value, memory_.store(which, at, value.data()), by_page);
        }
    }

    void add() {
        const auto which = static_cast<kind>(draw(4));
        const address at = some_place(which);
        if (!room_for(1)) {
            return;
        }
        const auto count = static_cast<std::uint8_t>(draw(256));
        const std::size_t size = size_of[index(which)];
        std::uint64_t value = 0;
        std::memcpy(&value, &shadow_[at], size);
        value += count;
        std::memcpy(scratch_.data(), &value, size);
        changed(at, {scratch_.data(), size}, memory_.add(which, at, count), by_page);
    }

    void assign() {
        const kind which = some_kind();
        const address to = some_place(which);
        const address from = some_place(which);
        if (room_for(1)) {
            const std::size_t size = size_of[index(which)];
            std::memcpy(scratch_.data(), &shadow_[from], size);
            changed(to, {scratch_.data(), size}, memory_.assign(which, to, from), by_page);
        }
    }

    void exchange() {
        const kind which = some_kind();
        const address a = some_place(which);
        const address b = some_place(which);
        const std::size_t size = size_of[index(which)];
        if (!room_for(1) || (a < b + size && b < a + size)) {
            return;
        }
        const std::vector<std::byte> of_a(&shadow_[a], &shadow_[a] + size);
        const std::vector<std::byte> of_b(&shadow_[b], &shadow_[b] + size);
        const auto done = memory_.exchange(which, a, b);
        // Where the second half failed, the first was done.
        if (!done && peek(a, size) == of_b) {
            changed(a, of_b, {}, by_page);
            changed(b, of_a, done, by_page);
        } else {
            changed(a, of_b, done, by_page);
            changed(b, of_a, done, by_page);
        }
    }

    void use_member() {
        const auto which = static_cast<kind>(index(kind::triple) + draw(3));
        const address at = some_place(which);
        const std::size_t member = draw(which == kind::triple ? 3 : 5);
        const std::size_t width = which == kind::triple ? 4 : which == kind::odd ? 1 : 8;
        const address there = at + member * width;
        // A copy of what straddles two pages takes a frame of its own.
        if (!room_for(2)) {
            return;
        }
        switch (draw(3)) {
        case 0: {
            const auto done = memory_.load_member(which, at, member, scratch_.data());
            note(done);
            expect(may_fail(done), "a member must be loaded");
            expect(!done || same(there, {scratch_.data(), width}),
                   "a member must be what was stored");
            break;
        }
        case 1: {
            const auto value = random_bytes(width);
            changed(there, value, memory_.store_member(which, at, member, value.data()), by_byte);
            break;
        }
        default: {
            const address from = some_place(which);
            const std::size_t same_member = which == kind::triple ? 1 : member;
            const std::size_t size = size_of[index(which)];
            // Two copies of bytes that overlap do not know of each other.
            if (!room_for(4) || (at < from + size && from < at + size)) {
                break;
            }
            std::memcpy(scratch_.data(), &shadow_[from + same_member * width], width);
            changed(at + same_member * width, {scratch_.data(), width},
                    memory_.copy_member(which, at, from, member), by_byte);
        }
        }
    }

    void move() {
        const std::size_t count = some_length();
        const address to = some_place(count, 1);
        const address from = some_place(count, 1);
        if (room_for(1)) {
            const std::vector<std::byte> bytes(&shadow_[from], &shadow_[from] + count);
            changed(to, bytes, memory_.move(to, from, count), by_byte);
        }
    }

    void read() {
        const std::size_t count = some_length();
        const address at = some_place(count, 1);
        buffer_.resize(count);
        const auto done = memory_.read(at, buffer_);
        note(done);
        expect(may_fail(done), "a read must succeed");
        expect(!done || same(at, buffer_), "a read must return what was written");
    }

    void write() {
        std::size_t count = some_length();
        address at = some_place(count, 1);
        if (draw(8) == 0 && config_.size >= 16 * config_.page_size) {
            // Whole pages.
            count = config_.page_size * (1 + draw(2));
            at = (some_place(count + config_.page_size, 1) / config_.page_size + 1) *
                 config_.page_size;
        }
        const auto bytes = random_bytes(count);
        changed(at, bytes, memory_.write(at, bytes), by_page);
    }

    void pin() {
        const std::size_t slot = draw((std::min)(subject::pin_slots, config_.frames));
        held_pin& held = pins_[slot];
        if (held.run.data != nullptr) {
            check(held);
            memory_.unpin(slot);
            held = {};
            return;
        }
        const std::size_t count = 1 + draw(config_.page_size);
        const address at = some_place(count, 1);
        const bool writable = draw(2) == 0;
        const auto done = memory_.pin(slot, at, count, writable);
        note(done);
        expect(may_fail(done), "a pin must succeed");
        if (done) {
            held = {.at = at, .run = *done, .writable = writable};
            const std::size_t in_page = config_.page_size - at % config_.page_size;
            expect(done->size == (std::min)(count, in_page),
                   "a pin must be the longest prefix in its page");
            check(held);
        }
    }

    void use_pins() {
        for (held_pin& held : pins_) {
            if (held.run.data == nullptr) {
                continue;
            }
            check(held);
            if (held.writable) {
                const std::size_t begin = draw(held.run.size);
                const auto bytes =
                    random_bytes(1 + draw((std::min)(held.run.size - begin, std::size_t{32})));
                std::ranges::copy(bytes, held.run.data + begin);
                std::ranges::copy(bytes, &shadow_[held.at + begin]);
            }
        }
    }

    void allocate_or_free() {
        // As the memory fills up, more and more is freed.
        const bool grow = draw(24) >= blocks_.size();
        if (grow && draw(3) == 0) {
            make();
        } else if (grow) {
            take(1 + draw(draw(4) == 0 ? 3 * config_.page_size : 40), draw(2) == 0);
        } else if (!blocks_.empty()) {
            auto block = blocks_.begin();
            std::advance(block, static_cast<std::ptrdiff_t>(draw(blocks_.size())));
            release(block);
        }
    }

    /// 0 if there is no room.
    address take(std::size_t size, bool wide) {
        const auto made = memory_.allocate(size, wide);
        note(made);
        expect(may_fail(made) || made.error() == errc::out_of_memory,
               "an allocation must succeed, or be out_of_memory");
        if (!made) {
            return 0;
        }
        expect(!wide || *made % 8 == 0, "a block must be aligned for its type");
        adopt(*made, size);
        return *made;
    }

    void make() {
        large value{};
        const auto bytes = random_bytes(sizeof(value));
        std::memcpy(&value, bytes.data(), sizeof(value));
        const auto made = memory_.make(value);
        note(made);
        expect(may_fail(made) || made.error() == errc::out_of_memory,
               "an object must be made, or out_of_memory");
        if (made) {
            expect(*made % 8 == 0 &&
                       *made / config_.page_size == (*made + sizeof(value) - 1) / config_.page_size,
                   "an object must be aligned, and lie in one page");
            adopt(*made, sizeof(value));
            expect(same(*made, bytes), "an object must have the value that it was made with");
        } else if (made.error() != errc::out_of_memory) {
            ++lost_at_most_;
        }
    }

    void adopt(address at, std::size_t size) {
        const auto next = blocks_.lower_bound(at);
        const bool apart =
            (next == blocks_.end() || at + size <= next->first) &&
            (next == blocks_.begin() || std::prev(next)->first + std::prev(next)->second <= at);
        expect(apart && at >= config_.page_size && at + size <= config_.size,
               "a block must lie in the memory, apart from all others");
        if (kept()) {
            blocks_.emplace(at, size);
            // What is there, nobody knows yet.
            std::ranges::copy(peek(at, size), &shadow_[at]);
        }
    }

    void release(std::map<address, std::size_t>::iterator block) {
        if (block->first == arena_) {
            return;
        }
        const auto [at, size] = *block;
        for (std::size_t slot = 0; slot < pins_.size(); ++slot) {
            const held_pin& held = pins_[slot];
            if (held.run.data != nullptr && held.at < at + size && at < held.at + held.run.size) {
                check(held);
                memory_.unpin(slot);
                pins_[slot] = {};
            }
        }
        const auto done = memory_.deallocate(at);
        note(done);
        expect(may_fail(done), "a live block must be freed");
        if (done) {
            blocks_.erase(block);
            const auto again = memory_.deallocate(at);
            note(again);
            expect(!again && (again.error() == errc::double_free ||
                              again.error() == errc::foreign_pointer || may_fail(again)),
                   "a block that is free must not be freed again");
        }
    }

    /// What must be refused, and must not change anything.
    void misuse() {
        const auto is = [&](const auto& done, errc code) {
            note(done);
            return !done && (done.error() == code || may_fail(done));
        };
        const std::array<std::byte, 4> some{};
        expect(is(memory_.write(draw(config_.page_size), some), errc::null_pointer),
               "the first page must be out of reach");
        expect(is(memory_.write(config_.size - 1 - draw(3), some), errc::out_of_range),
               "what lies behind the end must be out of reach");
        const address inside = arena_ + 8 + draw(config_.size / 2 - 16);
        const auto freed = memory_.deallocate(inside);
        note(freed);
        expect(!freed && (freed.error() == errc::foreign_pointer ||
                          freed.error() == errc::double_free || may_fail(freed)),
               "an address inside a block must not be freed");
    }

    void flush() {
        const auto done = memory_.flush();
        note(done);
        expect(may_fail(done), "a flush must succeed");
        if (done) {
            expect(stored(), "what was flushed must be on the storage");
        }
    }

    void restart() {
        if (failing_) {
            recover();
        }
        unpin_all();
        if (draw(2) == 0) {
            flush();
        }
        memory_.destroy();
        expect(stored(), "what a heap held when it ended must be on the storage");
        memory_.construct();
        if (config_.faults && draw(2) == 0) {
            memory_.fail(1 + draw(4), 1, failed_write::stores_nothing);
            const auto failed = memory_.open();
            note(failed);
            expect(failed || memory_.failed() != 0, "a heap must open if its storage can be read");
            memory_.heal();
        }
        const auto done = memory_.open();
        note(done);
        expect(done, "a heap must open what an earlier one left");
        audit();
        check_allocator();
    }

    // --- faults ---

    void start_failing() {
        constexpr std::array<std::uint64_t, 4> counts{1, 2, 10, ~std::uint64_t{0}};
        memory_.fail(1 + draw(20), counts[draw(counts.size())], static_cast<failed_write>(draw(3)));
        failing_ = true;
    }

    void recover() {
        ++faults_;
        audit();
        memory_.heal();
        failing_ = false;
        if (draw(4) == 0) {
            const auto done = memory_.flush();
            note(done);
            expect(may_fail(done), "a flush must succeed once the storage is healthy again");
        }
        if (room_for(1)) {
            check_allocator();
        }
    }

    /// Whether an operation succeeded, or had a reason not to.
    template <class Result>
    [[nodiscard]] bool may_fail(const Result& done) {
        if (done) {
            return true;
        }
        const errc code = done.error();
        return (failing_ && memory_.failed() != 0 &&
                (code == errc::read_failed || code == errc::write_failed ||
                 code == errc::sync_failed)) ||
               (code == errc::no_free_frame && !room_for(1));
    }

    enum class failed_change : std::uint8_t { by_page, by_byte };
    using enum failed_change;

    /// Records that `bytes` were to be written at `at`. If that failed, a part was: a prefix that
    /// ends with a page, or any bytes.
    void changed(address at, std::span<const std::byte> bytes, const result<void>& done,
                 failed_change how) {
        note(done);
        expect(may_fail(done), "a change must succeed");
        if (done) {
            std::ranges::copy(bytes, &shadow_[at]);
            return;
        }
        const std::vector<std::byte> now = peek(at, bytes.size());
        bool torn_as_permitted = how == by_byte;
        for (std::size_t end = 0; how == by_page && end < bytes.size(); ++end) {
            const bool ends_page = end == 0 || (at + end) % config_.page_size == 0;
            torn_as_permitted =
                torn_as_permitted ||
                (ends_page &&
                 std::equal(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(end),
                            bytes.begin()) &&
                 std::equal(now.begin() + static_cast<std::ptrdiff_t>(end), now.end(),
                            &shadow_[at + end]));
        }
        for (std::size_t i = 0; how == by_byte && i < now.size(); ++i) {
            torn_as_permitted =
                torn_as_permitted && (now[i] == bytes[i] || now[i] == shadow_[at + i]);
        }
        expect(torn_as_permitted, "a change that failed must leave old bytes or new ones");
        std::ranges::copy(now, &shadow_[at]);
    }

    // --- what must be true at any time ---

    /// What a range of memory holds, in RAM or on the storage, without any I/O.
    std::vector<std::byte> peek(address at, std::size_t count) {
        std::vector<std::byte> bytes(count);
        for (std::size_t done = 0; done < count;) {
            const address here = at + done;
            const std::size_t in_page = config_.page_size - here % config_.page_size;
            const std::span part =
                std::span(bytes).subspan(done, (std::min)(in_page, count - done));
            const auto state = memory_.state_of(here / config_.page_size);
            const std::span on_medium = memory_.medium().subspan(here, part.size());
            if (state.resident) {
                expect(memory_.read(here, part), "a resident page must be readable");
                expect(state.dirty || std::ranges::equal(part, on_medium),
                       "a page that is not dirty must be on the storage as it is in RAM");
            } else {
                std::ranges::copy(on_medium, part.begin());
            }
            done += part.size();
        }
        return bytes;
    }

    [[nodiscard]] bool same(address at, std::span<const std::byte> bytes) const {
        return std::memcmp(&shadow_[at], bytes.data(), bytes.size()) == 0;
    }

    void check(const held_pin& held) {
        expect(same(held.at, {held.run.data, held.run.size}),
               "a pin must show what is in the memory");
        expect(memory_.state_of(held.at / config_.page_size).pinned,
               "a pinned page must stay resident");
    }

    void audit() {
        for (const auto& [at, size] : blocks_) {
            expect(same(at, peek(at, size)), "what was accepted must be in RAM or on the storage");
        }
        for (const held_pin& held : pins_) {
            if (held.run.data != nullptr) {
                check(held);
            }
        }
    }

    [[nodiscard]] bool stored() {
        return std::ranges::all_of(blocks_, [&](const auto& block) {
            return same(block.first, memory_.medium().subspan(block.first, block.second));
        });
    }

    void check_allocator() {
        const auto known = memory_.allocation();
        note(known);
        expect(known, "the allocator must know what is live");
        if (known) {
            const std::uint64_t lost = known->blocks - blocks_.size();
            expect(lost == 0 || (config_.faults && lost <= lost_at_most_),
                   "the allocator must count as many blocks as are live");
        }
        const auto holds = memory_.invariants_hold();
        note(holds);
        expect(holds && *holds, "the allocator's invariants must hold");
    }

    void unpin_all() {
        for (std::size_t slot = 0; slot < pins_.size(); ++slot) {
            if (pins_[slot].run.data != nullptr) {
                check(pins_[slot]);
                memory_.unpin(slot);
                pins_[slot] = {};
            }
        }
    }

    void finish() {
        if (!kept()) {
            memory_.heal();
            unpin_all();
            memory_.destroy();
            return;
        }
        if (failing_) {
            recover();
        }
        unpin_all();
        audit();
        check_allocator();
        flush();
        while (kept() && blocks_.size() > 1) {
            release(blocks_.begin()->first == arena_ ? std::next(blocks_.begin())
                                                     : blocks_.begin());
        }
        expect(memory_.deallocate(arena_), "the arena must be freed");
        blocks_.clear();
        check_allocator();
        restart();
        memory_.destroy();
    }

    // --- choices ---

    [[nodiscard]] std::uint64_t draw(std::uint64_t bound) { return random_() % bound; }
    [[nodiscard]] static std::size_t index(kind which) { return static_cast<std::size_t>(which); }
    [[nodiscard]] kind some_kind() { return static_cast<kind>(draw(size_of.size())); }

    [[nodiscard]] std::size_t some_length() {
        const std::uint64_t limit = draw(8) == 0 ? 3 * config_.page_size : 24;
        return 1 +
               static_cast<std::size_t>(draw((std::min)(limit, std::uint64_t{config_.size} / 8)));
    }

    [[nodiscard]] address some_place(kind which) {
        return some_place(size_of[index(which)], draw(2) == 0 ? align_of[index(which)] : 1);
    }

    /// Where `size` bytes may be used: in the arena, mostly in a small part of it, or in a block.
    [[nodiscard]] address some_place(std::size_t size, std::size_t align) {
        if (draw(8) == 0) {
            auto block = blocks_.lower_bound(draw(config_.size));
            if (block != blocks_.end() && block->second >= size + align) {
                const address at = block->first + draw(block->second - size - align + 1);
                return (at + align - 1) / align * align;
            }
        }
        const std::size_t length = config_.size / 2;
        if (draw(256) == 0) {
            hot_ = draw(length);
        }
        const std::size_t reach = length - size - align + 1;
        const std::size_t offset =
            draw(4) == 0 ? draw(reach)
                         : (hot_ + draw((std::min)(2 * config_.page_size, reach))) % reach;
        return (arena_ + offset + align - 1) / align * align;
    }

    [[nodiscard]] std::span<const std::byte> random_bytes(std::size_t count) {
        random_buffer_.resize((count + 7) / 8 * 8);
        for (std::size_t i = 0; i < random_buffer_.size(); i += 8) {
            const std::uint64_t word = random_();
            std::memcpy(&random_buffer_[i], &word, 8);
        }
        return std::span(random_buffer_).first(count);
    }

    /// Whether so many frames are not pinned.
    [[nodiscard]] bool room_for(std::size_t frames) const {
        std::array<address, subject::pin_slots> pages{};
        std::size_t pinned = 0;
        for (const held_pin& held : pins_) {
            if (held.run.data != nullptr) {
                const address page = held.at / config_.page_size;
                const auto end = pages.begin() + static_cast<std::ptrdiff_t>(pinned);
                if (std::find(pages.begin(), end, page) == end) {
                    pages[pinned++] = page;
                }
            }
        }
        return config_.frames >= pinned + frames;
    }

    [[nodiscard]] bool kept() const { return broken_.empty(); }
    template <class Result>
    void note(const Result& done) {
        last_ = done ? "ok" : message(done.error());
    }
    template <class Condition>
    void expect(const Condition& met, const char* rule) {
        if (!static_cast<bool>(met) && kept()) {
            broken_ = rule;
        }
    }

    subject& memory_;
    configuration config_;
    std::mt19937_64 random_;
    /// What the memory must hold, where it is allocated.
    std::vector<std::byte> shadow_;
    /// By address, with their sizes; one of them is the arena.
    std::map<address, std::size_t> blocks_;
    address arena_ = 0;
    std::size_t hot_ = 0;
    std::array<held_pin, subject::pin_slots> pins_;
    bool failing_ = false;
    std::size_t faults_ = 0;
    /// Objects that a failing storage did not let be made. The room of each is lost if that could
    /// not be given back either.
    std::size_t lost_at_most_ = 0;
    std::uint64_t step_ = 0;
    std::array<std::byte, 64> scratch_{};
    std::vector<std::byte> buffer_;
    std::vector<std::byte> random_buffer_;
    const char* last_ = "ok";
    std::string broken_;
};

template <storage_geometry Geometry = storage_geometry{}>
using disk = vmem::contract::flaky<vmem::contract::detail::byte_medium, Geometry>;

using narrow = vmem::nonresident_linked_list_allocator;
using wide = vmem::basic_nonresident_linked_list_allocator<std::uint64_t>;

template <class Subject>
void check(const configuration& config) {
    const std::uint64_t seed = vmem::test::random_seed();
    const std::uint64_t operations = vmem::test::random_operations(1'000'000);
    auto memory = std::make_unique<Subject>(config.size);
    random_walk walk(*memory, config, seed);
    const std::string broken = walk.run(operations);
    INFO("VMEM_SEED=", seed, " replays it");
    const std::string name = config.name;
    CAPTURE(name);
    CHECK_MESSAGE(broken.empty(), broken);
    if (config.faults) {
        CHECK(walk.faults() >= operations / 2000);
    }
    MESSAGE(name, ": ", operations, " operations, ", walk.faults(), " faults, seed ", seed);
}

template <std::size_t PageSize, std::size_t Frames, template <std::size_t> class Eviction,
          class Translation, class Allocator, class Bits, storage_geometry Geometry>
using composition = subject_of<disk<Geometry>, vmem::paged<PageSize, Frames, Eviction, Translation>,
                               Allocator, Bits>;

using vmem::address_bits;
using vmem::page_map;
using vmem::page_table;
constexpr storage_geometry bytewise{};
constexpr storage_geometry coarse{.read_size = 4, .write_size = 16};

/// Healthy, and with faults.
template <class Subject>
void check_both(configuration config) {
    check<Subject>(config);
    config.faults = true;
    check<Subject>(config);
}

TEST_CASE("random operations: 1 frame of 64 bytes, lru, map") {
    check_both<composition<64, 1, vmem::lru, page_map, narrow, address_bits<32>, bytewise>>(
        {.name = "64 x 1", .page_size = 64, .frames = 1, .size = 4096, .faults = false});
}

TEST_CASE("random operations: 2 frames of 128 bytes, clock, table, 16 bits") {
    check_both<
        composition<128, 2, vmem::clock, page_table<64>, narrow, address_bits<16>, bytewise>>(
        {.name = "128 x 2", .page_size = 128, .frames = 2, .size = 8192, .faults = false});
}

TEST_CASE("random operations: 3 frames of 64 bytes, sieve, map, 16 bits, all of them") {
    check_both<composition<64, 3, vmem::sieve, page_map, narrow, address_bits<16>, bytewise>>(
        {.name = "64 x 3", .page_size = 64, .frames = 3, .size = 65536, .faults = false});
}

TEST_CASE("random operations: 4 frames of 256 bytes, fifo, map, 64 bits") {
    check_both<composition<256, 4, vmem::fifo, page_map, wide, address_bits<64>, bytewise>>(
        {.name = "256 x 4", .page_size = 256, .frames = 4, .size = 16384, .faults = false});
}

TEST_CASE("random operations: 8 frames of 512 bytes, clock, map, write_size 16") {
    check_both<composition<512, 8, vmem::clock, page_map, narrow, address_bits<32>, coarse>>(
        {.name = "512 x 8", .page_size = 512, .frames = 8, .size = 32768, .faults = false});
}

TEST_CASE("random operations: 8 frames of 64 bytes, random, table of an odd size, 64 bits") {
    check_both<composition<64, 8, vmem::random_eviction, page_table<201>, wide, address_bits<64>,
                           bytewise>>(
        {.name = "64 x 8", .page_size = 64, .frames = 8, .size = 12864, .faults = false});
}

TEST_CASE("random operations: 64 frames of 64 bytes, lru, map") {
    check_both<composition<64, 64, vmem::lru, page_map, narrow, address_bits<32>, bytewise>>(
        {.name = "64 x 64", .page_size = 64, .frames = 64, .size = 32768, .faults = false});
}

TEST_CASE("random operations: 4 frames of 4096 bytes, sieve, table, write_size 16") {
    check_both<composition<4096, 4, vmem::sieve, page_table<16>, narrow, address_bits<32>, coarse>>(
        {.name = "4096 x 4", .page_size = 4096, .frames = 4, .size = 65536, .faults = false});
}

} // namespace
