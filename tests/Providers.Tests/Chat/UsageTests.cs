using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>What a call used, as servers count it.</summary>
public sealed class UsageTests
{
    private static ChatDriver Driver => ChatDriver.Of("""{"role":"user","content":"hi"}""");

    [Theory]
    [InlineData("""
        {"prompt_tokens":100,"prompt_cache_hit_tokens":80,"prompt_cache_miss_tokens":20,"completion_tokens":50,
         "total_tokens":150}
        """, 100, 80, 50, 0)]
    [InlineData("""{"prompt_tokens":100,"cached_tokens":64,"completion_tokens":5,"total_tokens":105}""",
        100, 64, 5, 0)]
    [InlineData("""
        {"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":90},"prompt_cache_hit_tokens":0,
         "completion_tokens":5}
        """, 100, 90, 5, 0)]
    [InlineData("""
        {"prompt_tokens":21,"completion_tokens":0,"total_tokens":81,
         "completion_tokens_details":{"reasoning_tokens":60}}
        """, 21, 0, 60, 60)]
    [InlineData("""{"prompt_tokens":20,"completion_tokens":198,"total_tokens":623}""", 20, 0, 603, 0)]
    [InlineData("""{"prompt_tokens":20,"completion_tokens":30,"reasoning_tokens":25,"total_tokens":50}""",
        20, 0, 30, 25)]
    [InlineData("""{"prompt_tokens":20,"completion_tokens":30,"total_tokens":7}""", 20, 0, 30, 0)]
    [InlineData("""{"total_tokens":9223372036854775807,"prompt_tokens":"x","completion_tokens":{}}""", 0, 0, 0, 0)]
    public void Usage_OfAnyServer_IsUnderstood(string usage, long input, long cached, long output, long reasoning) =>
        Assert.Equal(new Usage(input, cached, output, reasoning),
            Driver.Read(Chunk.Text("a"), Chunk.Stop, $$"""{"choices":[],"usage":{{usage}}}""").End.Usage);

    [Fact]
    public void Usage_InEveryChunk_IsThatOfTheLast()
    {
        string Text(int tokens) => $$$"""
            {"choices":[{"index":0,"delta":{"content":"a"}}],
             "usage":{"prompt_tokens":5,"completion_tokens":{{{tokens}}},"total_tokens":{{{5 + tokens}}}}}
            """;
        Assert.Equal(new Usage(5, 0, 3, 0), Driver.Read(Text(1), Text(2), Text(3), Chunk.Stop).End.Usage);
    }

    [Theory]
    [InlineData("""{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7}}]}""")]
    [InlineData("""{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":7,"queue_time":0.1}}}""")]
    [InlineData("""{"choices":[],"timings":{"cache_n":5,"prompt_n":2,"predicted_n":0,"predicted_ms":1.5}}""")]
    [InlineData("""
        {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":7},
         "timings":{"prompt_n":99}}
        """)]
    public void Usage_InOtherPlaces_IsFound(string chunk) =>
        Assert.Equal(7, Driver.Read(Chunk.Text("a"), Chunk.Stop, chunk).End.Usage!.InputTokens);

    [Theory]
    [InlineData("""{"choices":[],"usage":null,"timings":null,"x_groq":null}""")]
    [InlineData("""{"choices":[],"usage":[],"timings":[],"x_groq":[1]}""")]
    [InlineData("""{"choices":[]}""")]
    public void Usage_ThatIsMissing_IsNull(string chunk) =>
        Assert.Null(Driver.Read(Chunk.Text("a"), Chunk.Stop, chunk).End.Usage);
}
