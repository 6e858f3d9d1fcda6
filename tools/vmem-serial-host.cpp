// SPDX-License-Identifier: BSL-1.0
//
// The other end of vmem::serial_storage: serves a file, or its RAM, to a device on a serial line.
#include <vmem/config.hpp>
#include <vmem/device/serial_frame.hpp>
#include <vmem/device/serial_server.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/file_storage.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr const char* usage =
    R"(usage: vmem-serial-host [OPTION...] LINE

Serves a memory to a device that has a vmem::serial_storage.

LINE is one of
  --tty DEVICE     a serial port, such as /dev/ttyUSB0
  --pty            a new pseudo terminal, whose name is printed
  --unix PATH      a socket; waits for one connection after the other

  --file PATH      serve this file; it is made if need be
  --size BYTES     of the file, if it is made, or of RAM otherwise (default 1048576)
  --baud N         of the serial port (default 115200)
  --once           end when the first connection does
  --show           print each request
  --drop N         lose one of N bytes, and
  --flip N         change one of N bytes, both ways, to see what happens
  --seed N         other ones
)";

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1); // NOLINT(concurrency-mt-unsafe): there is one thread
}

struct options {
    std::string tty;
    std::string socket;
    std::string file;
    bool pty = false;
    bool once = false;
    bool show = false;
    std::uint64_t size = 1u << 20;
    std::uint64_t baud = 115'200;
    std::uint64_t drop = 0;
    std::uint64_t flip = 0;
    std::uint64_t seed = 1;
};

/// RAM whose size is known when the program runs.
class ram {
public:
    explicit ram(std::size_t size) : bytes_(size) {}
    [[nodiscard]] vmem::address size() const noexcept { return bytes_.size(); }
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out) {
        const auto fits = vmem::detail::check_range(size(), from, out.size());
        if (fits && !out.empty()) {
            std::memcpy(out.data(), bytes_.data() + from, out.size());
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in) {
        const auto fits = vmem::detail::check_range(size(), to, in.size());
        if (fits && !in.empty()) {
            std::memcpy(bytes_.data() + to, in.data(), in.size());
        }
        return fits;
    }
    [[nodiscard]] vmem::result<void> sync() { return {}; }

private:
    std::vector<std::byte> bytes_;
};

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        std::fprintf(stderr, "vmem-serial-host: not a number: %s\n", std::string(text).c_str());
        std::exit(2); // NOLINT(concurrency-mt-unsafe)
    }
    return value;
}

/// False if something is wrong.
bool parse(std::span<char* const> words, options& chosen) {
    const std::array<std::pair<std::string_view, bool*>, 3> flags = {
        {{"--pty", &chosen.pty}, {"--once", &chosen.once}, {"--show", &chosen.show}}};
    const std::array<std::pair<std::string_view, std::string*>, 3> texts = {
        {{"--tty", &chosen.tty}, {"--unix", &chosen.socket}, {"--file", &chosen.file}}};
    const std::array<std::pair<std::string_view, std::uint64_t*>, 5> numbers = {
        {{"--size", &chosen.size},
         {"--baud", &chosen.baud},
         {"--drop", &chosen.drop},
         {"--flip", &chosen.flip},
         {"--seed", &chosen.seed}}};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const auto is_it = [word](const auto& each) { return each.first == word; };
        if (const auto flag = std::ranges::find_if(flags, is_it); flag != flags.end()) {
            *flag->second = true;
            continue;
        }
        if (i + 1 == words.size()) {
            return false;
        }
        const std::string_view value = words[++i];
        if (const auto text = std::ranges::find_if(texts, is_it); text != texts.end()) {
            *text->second = value;
        } else if (const auto all = std::ranges::find_if(numbers, is_it); all != numbers.end()) {
            *all->second = number(value);
        } else {
            return false;
        }
    }
    return int{chosen.pty} + int{!chosen.tty.empty()} + int{!chosen.socket.empty()} == 1;
}

speed_t speed_of(std::uint64_t baud) {
    constexpr std::array<std::pair<std::uint64_t, speed_t>, 8> speeds = {{{9'600, B9600},
                                                                          {19'200, B19200},
                                                                          {38'400, B38400},
                                                                          {57'600, B57600},
                                                                          {115'200, B115200},
                                                                          {230'400, B230400},
                                                                          {460'800, B460800},
                                                                          {921'600, B921600}}};
    for (const auto& [known, speed] : speeds) {
        if (known == baud) {
            return speed;
        }
    }
    std::fputs("vmem-serial-host: no such baud rate\n", stderr);
    std::exit(2); // NOLINT(concurrency-mt-unsafe)
}

void make_raw(int line, speed_t speed) {
    termios settings{};
    if (tcgetattr(line, &settings) != 0) {
        die("tcgetattr");
    }
    cfmakeraw(&settings);
    if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0 ||
        tcsetattr(line, TCSANOW, &settings) != 0) {
        die("tcsetattr");
    }
}

int open_tty(const options& chosen) {
    const int line = open(chosen.tty.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (line < 0) {
        die(chosen.tty.c_str());
    }
    make_raw(line, speed_of(chosen.baud));
    return line;
}

int open_pty() {
    const int line = posix_openpt(O_RDWR | O_NOCTTY);
    if (line < 0 || grantpt(line) != 0 || unlockpt(line) != 0) {
        die("posix_openpt");
    }
    make_raw(line, B115200);
    std::array<char, 128> name{};
    if (ptsname_r(line, name.data(), name.size()) != 0) {
        die("ptsname_r");
    }
    // Kept open, so that the line outlives whoever uses it.
    if (open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC) < 0) {
        die(name.data());
    }
    std::printf("%s\n", name.data());
    std::fflush(stdout);
    return line;
}

int listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        die(path.c_str());
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    unlink(path.c_str());
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 ||
        bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener, 1) != 0) {
        die(path.c_str());
    }
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    return listener;
}

/// What the line does to bytes.
class weather {
public:
    explicit weather(const options& chosen)
        : drop_(chosen.drop), flip_(chosen.flip), random_(chosen.seed) {}

    [[nodiscard]] std::vector<std::byte> pass(std::span<const std::byte> bytes) {
        std::vector<std::byte> passed;
        passed.reserve(bytes.size());
        for (std::byte value : bytes) {
            if (drop_ != 0 && random_() % drop_ == 0) {
                continue;
            }
            if (flip_ != 0 && random_() % flip_ == 0) {
                value ^= static_cast<std::byte>(1u << random_() % 8);
            }
            passed.push_back(value);
        }
        return passed;
    }

private:
    std::uint64_t drop_;
    std::uint64_t flip_;
    std::mt19937_64 random_;
};

void show(const vmem::serial_frame& request) {
    constexpr std::array<const char*, 5> names = {"?", "hello", "read", "write", "sync"};
    const auto kind = static_cast<std::size_t>(request.kind);
    std::printf("%3u %-5s %u at %llu\n", static_cast<unsigned>(request.number),
                names[kind < names.size() ? kind : 0], static_cast<unsigned>(request.length),
                static_cast<unsigned long long>(request.place));
    std::fflush(stdout);
}

/// Whether all of it could be sent.
bool send_all(int line, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = write(line, bytes.data(), bytes.size());
        if (sent <= 0) {
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Until the other side hangs up.
template <class Storage>
void serve(int line, vmem::serial_server<Storage>& server, weather& air, const options& chosen) {
    std::array<std::byte, 4096> buffer{};
    std::vector<std::byte> answer;
    const auto collect = [&answer](std::span<const std::byte> part) {
        answer.insert(answer.end(), part.begin(), part.end());
    };
    std::uint32_t shown = server.counts().requests;
    for (;;) {
        pollfd wait{.fd = line, .events = POLLIN, .revents = 0};
        constexpr int quiet_after = 20; // Milliseconds.
        const int ready = poll(&wait, 1, quiet_after);
        if (ready < 0 && errno != EINTR) {
            die("poll");
        }
        answer.clear();
        if (ready > 0) {
            const ssize_t count = read(line, buffer.data(), buffer.size());
            if (count <= 0) {
                return;
            }
            server.receive(air.pass(std::span(buffer).first(static_cast<std::size_t>(count))),
                           collect);
        } else {
            server.quiet(collect);
        }
        if (chosen.show && server.counts().requests != shown) {
            shown = server.counts().requests;
            show(server.last());
        }
        if (!send_all(line, air.pass(answer))) {
            return;
        }
    }
}

template <class Storage>
int run(Storage storage, const options& chosen) {
    vmem::serial_server<Storage> server(std::move(storage));
    weather air(chosen);
    if (!chosen.socket.empty()) {
        const int listener = listen_at(chosen.socket);
        do {
            const int line = accept(listener, nullptr, nullptr);
            if (line < 0) {
                die("accept");
            }
            serve(line, server, air, chosen);
            close(line);
        } while (!chosen.once);
        unlink(chosen.socket.c_str());
    } else {
        serve(chosen.pty ? open_pty() : open_tty(chosen), server, air, chosen);
    }
    const vmem::serial_counts& counts = server.counts();
    std::printf("%u requests, %llu bytes read, %llu written, %u bytes of noise\n", counts.requests,
                static_cast<unsigned long long>(counts.bytes_read),
                static_cast<unsigned long long>(counts.bytes_written), counts.dropped);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    options chosen;
    if (!parse(std::span<char* const>(argv, static_cast<std::size_t>(argc)).subspan(1), chosen)) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    if (chosen.file.empty()) {
        return run(ram(static_cast<std::size_t>(chosen.size)), chosen);
    }
    auto file =
        vmem::file_storage::open(chosen.file.c_str(), static_cast<vmem::address>(chosen.size));
    if (!file) {
        std::fprintf(stderr, "vmem-serial-host: %s: %s\n", chosen.file.c_str(),
                     vmem::message(file.error()));
        return 1;
    }
    return run(std::move(*file), chosen);
}
