using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Demo;

/// <summary>
/// A step's <c>usage</c>: the figures it names replace the estimate, the others stay. Names are the wire's;
/// <c>cached_tokens</c> and <c>reasoning_tokens</c> may also stand directly in it. <c>total_tokens</c> sets the input
/// to what is left of it, as the wire's total is always the sum.
/// </summary>
internal sealed record UsageFigures(long? Input, long? Cached, long? Output, long? Reasoning, long? Total)
{
    private const long TokensMax = 1_000_000_000_000;

    /// <summary>The figures of one JSON object.</summary>
    /// <exception cref="FormatException">It is no such object; the message says why.</exception>
    public static UsageFigures Read(JsonElement usage)
    {
        var figures = ReadInto(new UsageFigures(null, null, null, null, null), usage);
        return figures is { Total: not null, Input: not null }
            ? throw new FormatException("usage takes input_tokens or total_tokens, not both")
            : figures;
    }

    /// <summary>The estimate with the named figures in place.</summary>
    public Usage Over(Usage estimate)
    {
        var output = Output ?? estimate.OutputTokens;
        var input = Total is { } total ? Math.Max(0, total - output) : Input ?? estimate.InputTokens;
        return new Usage(input, Cached ?? Math.Min(input, estimate.CachedTokens), output,
            Reasoning ?? Math.Min(output, estimate.ReasoningTokens));
    }

    private static UsageFigures ReadInto(UsageFigures figures, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("usage and its details are objects");
        }

        foreach (var member in element.EnumerateObject())
        {
            figures = member.Name switch
            {
                "input_tokens" => figures with { Input = Tokens(member) },
                "cached_tokens" => figures with { Cached = Tokens(member) },
                "output_tokens" => figures with { Output = Tokens(member) },
                "reasoning_tokens" => figures with { Reasoning = Tokens(member) },
                "total_tokens" => figures with { Total = Tokens(member) },
                "input_tokens_details" or "output_tokens_details" => ReadInto(figures, member.Value),
                _ => throw new FormatException($"unknown member \"{member.Name}\" in usage"),
            };
        }

        return figures;
    }

    private static long Tokens(JsonProperty member) => DemoJson.Whole(member.Value, member.Name, TokensMax);
}
