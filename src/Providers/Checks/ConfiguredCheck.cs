using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Checks;

/// <summary>
/// The check that the settings describe: its rules, then its endpoint, within one time. It says what a check means that
/// could not be made.
/// </summary>
public sealed class ConfiguredCheck : IInputCheck, IDisposable
{
    private readonly InputCheckOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<CheckFailure> _onFailure;
    private readonly RulesCheck _rules;
    private readonly EndpointCheck? _endpoint;

    /// <summary>Makes the check; nothing is asked yet.</summary>
    /// <param name="options">Settings without <see cref="InputCheckOptions.FindMistakes">mistakes</see>.</param>
    /// <param name="time">Bounds a check.</param>
    /// <param name="onFailure">Told of every check that could not be made; it must not throw.</param>
    public ConfiguredCheck(InputCheckOptions options, TimeProvider time, Action<CheckFailure> onFailure)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _time, _onFailure) = (options, time, onFailure);
        _rules = new RulesCheck(options);
        _endpoint = options.Url is null ? null : new EndpointCheck(options);
    }

    /// <inheritdoc/>
    public async ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(_options.Timeout, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return _rules.Check(input, stop.Token) ??
                (_endpoint is null ? null : await _endpoint.CheckAsync(input, stop.Token));
        }
        catch (CheckFailedException e)
        {
            return MeaningOf(e.Failure);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return MeaningOf(new CheckFailure(
                CheckFailureKind.TimedOut, $"it took longer than {_options.Timeout.TotalSeconds} s"));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _endpoint?.Dispose();

    private Refusal? MeaningOf(CheckFailure failure)
    {
        _onFailure(failure);
        return _options.OnFailure == FailureMeaning.Allow ? null : CheckRefusals.Unavailable(_options.Timeout);
    }
}
