using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Checks;
using Evergrain.Suites.Checks;

namespace Evergrain.Providers.Tests.Checks;

/// <summary>A check and the failures it reported.</summary>
internal sealed class CheckDriver(InputCheckOptions options, TimeProvider? time = null) : IDisposable
{
    private readonly List<CheckFailure> _failures = [];
    private ConfiguredCheck? _check;

    public IReadOnlyList<CheckFailure> Failures => _failures;

    public static NewInput Input(params string[] items) => new("acme", "demo-1", default,
        [.. items.Select(static item => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(item))]);

    public async Task<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken = default)
    {
        Assert.Empty(options.FindMistakes());
        _check ??= new ConfiguredCheck(options, time ?? TimeProvider.System, _failures.Add);
        return await _check.CheckAsync(input, cancellationToken).AsTask().WaitAsync(CheckEndpoint.Patience);
    }

    public Task<Refusal?> CheckAsync(params string[] items) => CheckAsync(Input(items));

    public void Dispose() => _check?.Dispose();
}
