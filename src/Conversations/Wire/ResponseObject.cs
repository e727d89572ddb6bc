using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Wire;

/// <summary>What a response object says of a turn.</summary>
internal sealed record ResponseSnapshot
{
    public required ResponseId Id { get; init; }

    public required ResponseId? Previous { get; init; }

    public required bool IsStored { get; init; }

    /// <summary>Milliseconds since the Unix epoch.</summary>
    public required long CreatedAt { get; init; }

    public required Parameters Parameters { get; init; }

    /// <summary>How it ended; null while it runs.</summary>
    public required TurnEnding? Ending { get; init; }

    public required IReadOnlyList<ReadOnlyMemory<byte>> Output { get; init; }

    public required Digest Digest { get; init; }

    /// <summary>
    /// Where the server found the history that the client sent: its items that were known, and those that were new.
    /// </summary>
    public (int Known, int New)? Items { get; init; }
}

/// <summary>
/// Writes response objects: the 31 members that Open Responses requires, which hold all that OpenAI requires, those
/// echoes that only OpenAI has where the create had them, and our <c>evergrain</c> once the turn has ended.
/// </summary>
internal static class ResponseObject
{
    public static void Write(WireBuffer output, ResponseSnapshot response)
    {
        var ending = response.Ending;
        output.Raw("{\"id\":"u8).Quoted(response.Id.ToString())
            .Raw(",\"object\":\"response\",\"created_at\":"u8).Number(response.CreatedAt / 1000)
            .Raw(",\"completed_at\":"u8);
        _ = ending is null ? output.Raw("null"u8) : output.Number(ending.EndedAt / 1000);
        output.Raw(",\"status\":\""u8).Raw(Status(ending)).Raw("\",\"error\":"u8);
        WriteError(output, ending);
        output.Raw(",\"incomplete_details\":"u8);
        WriteIncomplete(output, ending);
        output.Raw(",\"previous_response_id\":"u8).QuotedOrNull(response.Previous?.ToString())
            .Raw(",\"store\":"u8).Flag(response.IsStored);
        WriteParameters(output, response.Parameters);
        output.Raw(",\"output\":["u8);
        for (var i = 0; i < response.Output.Count; i++)
        {
            output.Raw(i > 0 ? ","u8 : default).Raw(response.Output[i].Span);
        }

        output.Raw("],\"usage\":"u8);
        WriteUsage(output, ending?.Usage);
        if (ending is not null)
        {
            output.Raw(",\"evergrain\":{\"digest\":\""u8)
                .Raw(System.Text.Encoding.ASCII.GetBytes(response.Digest.ToString())).Raw("\""u8);
            if (response.Items is { } items)
            {
                output.Raw(",\"items_known\":"u8).Number(items.Known).Raw(",\"items_new\":"u8).Number(items.New);
            }

            output.Raw("}"u8);
        }

        output.Raw("}"u8);
    }

    private static ReadOnlySpan<byte> Status(TurnEnding? ending) => ending?.Outcome switch
    {
        null => "in_progress"u8,
        TurnOutcome.Completed => "completed"u8,
        TurnOutcome.Incomplete => "incomplete"u8,
        TurnOutcome.Cancelled => "cancelled"u8,
        _ => "failed"u8,
    };

    private static void WriteError(WireBuffer output, TurnEnding? ending)
    {
        if (ending is not { Outcome: TurnOutcome.Failed or TurnOutcome.Interrupted })
        {
            output.Raw("null"u8);
            return;
        }

        output.Raw("{\"code\":"u8).Quoted(ending.Code ?? "server_error")
            .Raw(",\"message\":"u8).Quoted(ending.Message ?? string.Empty).Raw("}"u8);
    }

    private static void WriteIncomplete(WireBuffer output, TurnEnding? ending)
    {
        if (ending is not { Outcome: TurnOutcome.Incomplete })
        {
            output.Raw("null"u8);
            return;
        }

        output.Raw("{\"reason\":"u8).Quoted(ending.Code ?? "max_output_tokens").Raw("}"u8);
    }

    private static void WriteParameters(WireBuffer output, Parameters parameters)
    {
        foreach (var field in ParameterFields.All)
        {
            var echo = parameters.Echo(field.Name);
            if (!field.IsEchoed || (echo.IsEmpty && field.Default is null))
            {
                continue;
            }

            output.Raw(",\""u8).Raw(field.NameBytes).Raw("\":"u8)
                .Raw(echo.IsEmpty ? field.DefaultBytes : echo.Span);
        }
    }

    private static void WriteUsage(WireBuffer output, Usage? usage)
    {
        if (usage is null)
        {
            output.Raw("null"u8);
            return;
        }

        output.Raw("{\"input_tokens\":"u8).Number(usage.InputTokens)
            .Raw(",\"input_tokens_details\":{\"cached_tokens\":"u8).Number(usage.CachedTokens)
            .Raw(",\"cache_write_tokens\":0},\"output_tokens\":"u8).Number(usage.OutputTokens)
            .Raw(",\"output_tokens_details\":{\"reasoning_tokens\":"u8).Number(usage.ReasoningTokens)
            .Raw("},\"total_tokens\":"u8).Number(usage.TotalTokens).Raw("}"u8);
    }
}
