using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Tests.Chat;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Dialects;

/// <summary>Every request of any valid conversation is one that its server takes, dialect by dialect.</summary>
public sealed class DialectProperties(ITestOutputHelper output)
{
    private const int Conversations = 20_000;
    private const int ConversationsLong = 1_000_000;

    private static readonly string[] Efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    private static readonly string[] Common =
    [
        "stream_options", "max_tokens", "parallel_tool_calls", "presence_penalty", "frequency_penalty", "logprobs",
        "top_logprobs",
    ];

    private static readonly string[] OpenAIs =
    [
        "stream_options", "max_completion_tokens", "parallel_tool_calls", "presence_penalty", "frequency_penalty",
        "logprobs", "top_logprobs", "reasoning_effort", "user",
    ];

    private static readonly DialectRules[] All =
    [
        new("plain"),
        new("openai")
        {
            Members = [.. OpenAIs, "safety_identifier", "prompt_cache_key", "verbosity", "service_tier"],
            Efforts = Efforts, LaterSystem = true, Alternates = false, ToolChoiceObjects = true,
        },
        new("azure")
        {
            Members = OpenAIs, Efforts = Efforts, LaterSystem = true, Alternates = false, ToolChoiceObjects = true,
        },
        new("vllm")
        {
            Members = [.. Common, "user", "reasoning_effort"], Efforts = Efforts, ToolChoiceObjects = true,
            Media = ["image_url", "input_audio"], AssistantMembers = ["reasoning_content", "reasoning_details"],
        },
        new("sglang")
        {
            Members = [.. Common, "user", "reasoning_effort"], Efforts = Efforts, ToolChoiceObjects = true,
            Media = ["image_url"], AssistantMembers = ["reasoning_content", "reasoning_details"],
        },
        new("llama.cpp")
        {
            Members = [.. Common, "reasoning_effort"], Efforts = Efforts, Media = ["image_url", "input_audio"],
            AssistantMembers = ["reasoning_content", "reasoning_details"],
        },
        new("ollama")
        {
            Members = ["stream_options", "max_tokens", "presence_penalty", "frequency_penalty", "logprobs",
                "top_logprobs"],
            Media = ["image_url", "input_audio"], AssistantMembers = ["reasoning", "reasoning_details"],
        },
        new("lmstudio")
        {
            Members = ["stream_options", "max_tokens", "presence_penalty", "frequency_penalty"], Media = ["image_url"],
        },
        new("mistral")
        {
            Members = ["max_tokens", "parallel_tool_calls", "presence_penalty", "frequency_penalty", "prompt_cache_key",
                "reasoning_effort"],
            Efforts = ["none", "high"], NineLetters = true, Media = ["image_url"],
        },
        new("gemini")
        {
            Members = ["stream_options", "max_tokens", "reasoning_effort"],
            Efforts = ["minimal", "low", "medium", "high"], Media = ["image_url", "input_audio"],
        },
        new("groq")
        {
            Members = ["max_completion_tokens", "parallel_tool_calls", "user", "service_tier", "reasoning_effort"],
            Efforts = ["low", "medium", "high"], LaterSystem = true, Alternates = false, ToolChoiceObjects = true,
            Media = ["image_url"],
        },
        new("deepseek")
        {
            Members = ["stream_options", "max_tokens", "reasoning_effort", "thinking"],
            Efforts = ["low", "high", "max"], ToolChoiceObjects = true, JsonSchemas = false, Media = ["image_url"],
            AssistantMembers = ["reasoning_content", "reasoning_details"],
        },
        new("openrouter")
        {
            Members = [.. Common, "user", "prompt_cache_key", "service_tier", "session_id", "reasoning_effort"],
            Efforts = Efforts, ToolChoiceObjects = true,
        },
        new("bedrock") { Members = ["max_completion_tokens"], Media = ["image_url"] },
    ];

    [Fact]
    public void Rules_AreThereForEachDialect() => Assert.Equal(
        KnownDialects.Names.Order(StringComparer.Ordinal),
        All.Select(static rules => rules.Dialect).Order(StringComparer.Ordinal));

    [Fact]
    public void Requests_OfAnyValidConversation_SatisfyTheRulesOfEachDialect() => Check(
        [.. All.Select(static rules => (KnownDialects.Find(rules.Dialect)!, rules))]);

    /// <summary>The rules of chat templates, which any server that runs templates may have.</summary>
    [Fact]
    public void Requests_ForATemplateWithOneCallAtATime_SatisfyItsRules() => Check(
    [
        (KnownDialects.Plain with { ParallelCalls = false }, new DialectRules("plain") { ParallelCalls = false }),
        (KnownDialects.Find("llama.cpp")! with { ParallelCalls = false },
            All.Single(static rules => rules.Dialect == "llama.cpp") with { ParallelCalls = false }),
    ]);

    private void Check(IReadOnlyList<(Dialect Dialect, DialectRules Rules)> servers)
    {
        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
        var seed = Environment.GetEnvironmentVariable("EVERGRAIN_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : (int)(uint)new RandomIdSource().Next64();
        var count = isLong ? ConversationsLong : Conversations;
        output.WriteLine($"{count} conversations for {servers.Count} dialects, EVERGRAIN_SEED={seed}");
        var wrong = new ConcurrentQueue<string>();

        // On threads of their own: other tests wait for those of the pool.
        var workers = Enumerable.Range(0, Environment.ProcessorCount).Select(worker => new Thread(() =>
        {
            for (var i = worker; i < count && wrong.IsEmpty; i += Environment.ProcessorCount)
            {
                CheckOne(servers, unchecked(seed + i), wrong);
            }
        })).ToList();
        workers.ForEach(static worker => worker.Start());
        workers.ForEach(static worker => worker.Join());
        Assert.True(wrong.IsEmpty, wrong.FirstOrDefault());
    }

    private static void CheckOne(
        IReadOnlyList<(Dialect Dialect, DialectRules Rules)> servers, int seed, ConcurrentQueue<string> wrong)
    {
        var sample = new SampleConversation(seed, "chat:test").WithParameters();
        foreach (var (dialect, rules) in servers)
        {
            if (Refusal(dialect, rules, sample) is { } refusal)
            {
                wrong.Enqueue($"{dialect.Name}, EVERGRAIN_SEED={seed}: {refusal}");
            }
        }
    }

    private static string? Refusal(Dialect dialect, DialectRules rules, SampleConversation sample)
    {
        try
        {
            var body = BodyOf(dialect, sample);
            return rules.Refuse(body) is { } refusal ? $"{refusal}\n{body}\n{Told(sample)}" : null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A thread of its own must not end the process.
            return $"{e}\n{Told(sample)}";
        }
    }

    private static string BodyOf(Dialect dialect, SampleConversation sample)
    {
        var driver = new ChatDriver(dialect);
        sample.Items.ForEach(driver.Add);
        foreach (var (field, json) in sample.Parameters)
        {
            // What the server lacks is refused by name when the create comes.
            if (driver.Api.Refuse(field, Encoding.UTF8.GetBytes(json)) is null)
            {
                driver.With(field, json);
            }
        }

        return driver.Body();
    }

    private static string Told(SampleConversation sample) => string.Join('\n', sample.Items.Select(
        static item => Encoding.UTF8.GetString(item.Json.Span) + " " + item.Origin));
}
