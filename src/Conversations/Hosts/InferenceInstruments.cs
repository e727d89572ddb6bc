using System.Diagnostics;
using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Hosts;

/// <summary>Times model calls and counts their tokens, by the names of OpenTelemetry's conventions.</summary>
internal sealed class InferenceInstruments
{
    // A model that any name may ask for has as many names as clients think of; an error is a server's word.
    private readonly BoundedNames _models = new();
    private readonly BoundedNames _errors = new();
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _firstChunk;
    private readonly Counter<long> _input;
    private readonly Counter<long> _cached;
    private readonly Counter<long> _output;
    private readonly Counter<long> _reasoning;

    public InferenceInstruments(Meter meter)
    {
        _duration = meter.CreateHistogram<double>("gen_ai.client.inference.duration", "s", "Calls of models.");
        _firstChunk = meter.CreateHistogram<double>("gen_ai.client.inference.time_to_first_chunk", "s",
            "From the call of a model to the first event of its answer.");
        _input = meter.CreateCounter<long>("gen_ai.client.inference.usage.input_tokens", "{token}",
            "Tokens that went to models, those of their caches included.");
        _cached = meter.CreateCounter<long>("gen_ai.client.inference.usage.cache_read.input_tokens", "{token}",
            "Tokens that model servers had in their caches.");
        _output = meter.CreateCounter<long>("gen_ai.client.inference.usage.output_tokens", "{token}",
            "Tokens that came from models, reasoning included.");
        _reasoning = meter.CreateCounter<long>("gen_ai.client.inference.usage.reasoning.output_tokens", "{token}",
            "Tokens of reasoning that came from models.");
    }

    public void Ended(in InferenceReport report)
    {
        var tags = new TagList
        {
            { GenAi.Operation, GenAi.Chat },
            { GenAi.Provider, report.Provider },
            { GenAi.RequestModel, _models.Of(report.Call.Model) },
        };
        if (report.FirstChunk is { } firstChunk)
        {
            _firstChunk.Record(firstChunk.TotalSeconds, tags);
        }

        if (report.End?.Usage is { } usage)
        {
            Count(usage, tags);
        }

        if (report.Error is { } error)
        {
            tags.Add(GenAi.Error, _errors.Of(error));
        }

        _duration.Record(report.Time.TotalSeconds, tags);
    }

    private void Count(Usage usage, TagList tags)
    {
        _input.Add(usage.InputTokens, tags);
        _cached.Add(usage.CachedTokens, tags);
        _output.Add(usage.OutputTokens, tags);
        _reasoning.Add(usage.ReasoningTokens, tags);
    }
}
