// Counts words while they come: curl --data-binary @book.txt http://127.0.0.1:8080/words
#include <algorithm>
#include <cctype>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bobbin.h"

struct Words { // of one request
    std::map<std::string, uint64_t> counts;
    std::string word; // may go on in the next piece

    void take(unsigned char byte)
    {
        if (std::isalnum(byte) || byte >= 0x80)
            word += static_cast<char>(std::tolower(byte));
        else if (!word.empty())
            counts[std::exchange(word, "")]++;
        if (word.size() > 100 || counts.size() > 20000)
            throw std::length_error("this is no text for people");
    }
};

static void answer(bobbin_request *request, const Words &words)
{
    std::vector<std::pair<uint64_t, std::string>> most;
    for (const auto &[word, count] : words.counts)
        most.emplace_back(count, word);
    std::sort(most.rbegin(), most.rend());
    for (size_t i = 0; i < most.size() && i < 10; i++)
        bobbin_print(request, "%s %ju\n", most[i].second.c_str(), uintmax_t{most[i].first});
    bobbin_end(request);
}

static void on_body(void *, bobbin_request *request, bobbin_str piece, bool is_last)
try {
    if (bobbin_data(request) == nullptr)
        bobbin_set_data(request, new Words);
    Words &words = *static_cast<Words *>(bobbin_data(request));
    std::for_each_n(piece.data, piece.length, [&](char byte) { words.take(byte); });
    if (!is_last)
        return;
    words.take(' ');
    answer(request, words);
} catch (const std::exception &error) { // none may leave a callback
    bobbin_refuse(request, 422, "%s", error.what());
}

static void on_finish(void *, bobbin_request *request)
{
    delete static_cast<Words *>(bobbin_data(request));
}

BOBBIN_PLUGIN(
        .name = "words", .about = "counts words", .handle = [](void *, bobbin_request *) {},
        .on_body = on_body, .on_finish = on_finish);
